"""A dataset's Croissant: the same facts as the card, as JSON-LD that other tools load the rows by.

Croissant 1.1 (MLCommons) with its responsible-AI terms (`rai:`) and provenance (`prov:`). Everything is made from the
lock and the card's front matter; what nobody said is left out, and what was not checked is said to be unchecked. Its
date is the one that a person wrote into the card, so that the same dataset has the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from bezoar_data.cards.front_matter import clean_value, declared_data, reliability
from bezoar_data.cards.hub_types import hub_features
from bezoar_data.cards.licences.lineage import UNKNOWN, Licence
from bezoar_data.cards.licences.table import licence_table
from bezoar_data.cards.sections.context import AboutDataset, meanings_of
from bezoar_data.runs.lock import DataFile, Lock
from bezoar_data.runs.record import as_json

FILE = "croissant.json"
VERSION = "http://mlcommons.org/croissant/1.1"

_TERMS = (
    "arrayShape", "citeAs", "column", "equivalentProperty", "extract", "field", "fileObject", "fileProperty",
    "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path",
    "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField",
    "transform",
)  # fmt: skip
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    **{term: f"cr:{term}" for term in _TERMS},
}
_TYPES = {
    "string": "sc:Text",
    "large_string": "sc:Text",
    "bool": "sc:Boolean",
    **{f"{sign}int{bits}": "sc:Integer" for sign in ("", "u") for bits in (8, 16, 32, 64)},
    **{f"float{bits}": "sc:Float" for bits in (16, 32, 64)},
}
_SPDX_ID = re.compile(r"[A-Za-z0-9.+-]+\Z")


def croissant_text(lock: Lock, front: Mapping[str, Any], licence: Licence) -> str:
    """The Croissant's text. `front` is the rendered card's front matter."""
    return json.dumps(clean_value(_dataset(lock, front, licence)), indent=2, ensure_ascii=False) + "\n"


def _dataset(lock: Lock, front: Mapping[str, Any], licence: Licence) -> dict[str, Any]:
    pipeline, own = lock.pipeline, front["bezoar"]
    meanings, about = meanings_of(lock, own), AboutDataset.of(own)
    by = f"{', '.join(about.names)}: " if about.creators else ""
    title = str(front.get("pretty_name") or pipeline.name)
    dataset: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": VERSION,
        "name": re.sub(r"[^A-Za-z0-9_.-]+", "-", pipeline.name).strip("-") or "dataset",
        "alternateName": title,
        "description": pipeline.description or f"{title}, made by the pipeline {pipeline.name}.",
        "version": f"{pipeline.version}.0.0+{lock.hash}",
        "creator": [
            {"@type": "sc:Organization" if one.organization else "sc:Person", "name": one.name}
            for one in about.creators
        ],
        "url": about.url,
        "datePublished": about.date,
        "citeAs": f"{by}{title}, version {pipeline.version}, build {lock.hash}, made with bezoar-data.",
        "keywords": list(front.get("tags") or ()),
        "inLanguage": front.get("language"),
        "license": _licence_address(front),
        "conditionsOfAccess": f"Commercial use: {licence.commercial}. {' '.join(licence.reasons)}",
        "creditText": " ".join(licence.attribution) or None,
        "isBasedOn": [source.url or source.name for source in lock.sources],
        "distribution": [_file(file) for file in declared_data(lock.data)],
        "recordSet": [_records(file, lock.columns, meanings) for file in declared_data(lock.data)],
        **_responsible(lock, about),
        **_provenance(lock),
    }
    return {key: value for key, value in dataset.items() if value not in (None, [], "")}


def _licence_address(front: Mapping[str, Any]) -> str | None:
    """Where its one licence stands, else the name of the whole: an expression, or one that its parts contradict."""
    own = front["bezoar"]
    result = own["licence"]["result"]
    if result == UNKNOWN:
        return None
    name = front["license_name"] if front.get("license") == "other" else result
    one = name == result and _SPDX_ID.match(result)
    return (licence_table().with_own(own.get("terms") or {}).link(result) if one else None) or str(name)


def _file(file: DataFile) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "contentUrl": file.path,
        "contentSize": f"{file.bytes} B",
        "encodingFormat": "application/x-parquet",
        "sha256": file.sha256,
    }


def _records(file: DataFile, columns: Mapping[str, str], meanings: Mapping[str, str]) -> dict[str, Any]:
    """The rows of one file. A dataset's file holds one split, or a numbered part of it."""
    part = re.search(r"-(\d{5})-of-(\d{5})", file.path)
    name = file.split if part is None or int(part[2]) == 1 else f"{file.split}-{int(part[1])}"
    fields = [_field(name, column, kind, file.path, meanings) for column, kind in columns.items()]
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"{file.rows} rows of the split {file.split}.",
        **({"key": {"@id": f"{name}/id"}} if "id" in columns else {}),
        "field": fields,
    }


def _field(records: str, column: str, kind: str, file: str, meanings: Mapping[str, str]) -> dict[str, Any]:
    feature = (hub_features({column: kind}) or [{}])[0]
    inner = feature.get("list", feature.get("large_list"))
    parts = inner if isinstance(inner, list) else feature.get("struct")
    source = {"fileObject": {"@id": file}, "extract": {"column": column}}
    field: dict[str, Any] = {"@type": "cr:Field", "@id": f"{records}/{column}", "name": column}
    if column in meanings:
        field["description"] = meanings[column]
    if isinstance(parts, list):
        field["subField"] = [
            {
                "@type": "cr:Field",
                "@id": f"{records}/{column}/{part['name']}",
                "name": part["name"],
                "dataType": _TYPES.get(str(part.get("dtype")), "sc:Text"),
                "source": {**source, "transform": {"jsonPath": part["name"]}},
            }
            for part in parts
        ]
    else:
        field["dataType"] = _TYPES.get(str(inner if inner is not None else feature.get("dtype")), "sc:Text")
        field["source"] = source
    if inner is not None:
        field.update(isArray=True, arrayShape="-1")
    return field


def _responsible(lock: Lock, about: AboutDataset) -> dict[str, Any]:
    """The responsible-AI terms that a run or a person can answer for."""
    models = [f"{m.model} ({m.role})" for m in lock.models if m.steps]
    judges = [
        f"{j.name}: {j.accepted} accepted, {j.rejected} rejected; reliability: {_short(reliability(lock, j.name))}"
        for j in lock.judges
    ]
    limits = ["Model answers can be wrong, biased or made up."] if models else []
    if lock.demo:
        limits.append("Demonstration data: made to show the flow, and for nothing else.")
    uses = [about.intended_use, f"Not for: {about.unintended_use}" if about.unintended_use else None]
    return {
        "rai:dataUseCases": [use for use in uses if use],
        "rai:dataCollection": f"Made by the steps {', '.join(step.id for step in lock.steps)}.",
        "rai:dataCollectionType": ["Machine generated"] if models else None,
        "rai:dataPreprocessingProtocol": [
            f"{step.id} ({step.use} {step.version}): {step.rows_in} rows in, {step.rows_out} out" for step in lock.steps
        ],
        "rai:machineAnnotationTools": models,
        "rai:dataAnnotationAnalysis": judges,
        "rai:dataAnnotationProtocol": f"Human review: {_short(as_json(lock.review) if lock.review else 'none')}.",
        "rai:annotatorDemographics": about.annotators,
        "rai:dataLimitations": limits,
        "rai:personalSensitiveInformation": _personal(lock),
        "rai:dataBiases": None,  # nobody measured any
    }


def _personal(lock: Lock) -> str:
    steps = [step for step in lock.steps if step.use == "personal_data"]
    if not steps:
        return "Not checked for personal data."
    done = "; ".join(f"{s.id}: action {s.settings.get('action', 'mark')}" for s in steps)
    return f"Searched for e-mail addresses, phone and card numbers and keys ({done})."


def _provenance(lock: Lock) -> dict[str, Any]:
    """Where it comes from, in the words of W3C's PROV: sources, the activity of each step, the software and models."""
    sources = [
        {
            "@type": "prov:Entity",
            "@id": source.url or f"urn:sha256:{source.sha256}",
            "name": source.name,
            "version": source.revision,
            "license": source.licence,
            "sha256": source.sha256,
        }
        for source in lock.sources
    ]
    activities = [
        {
            "@type": "prov:Activity",
            "@id": f"urn:bezoar:{lock.hash}:{step.id}",
            "name": step.id,
            "description": step.use,
            "prov:wasInformedBy": [{"@id": f"urn:bezoar:{lock.hash}:{before}"} for before in step.after],
            "prov:wasAssociatedWith": [
                _without_none({"@type": "prov:SoftwareAgent", "name": model.model, "version": model.revision})
                for model in lock.models
                if step.id in model.steps
            ],
        }
        for step in lock.steps
    ]
    software = [
        {"@type": "prov:SoftwareAgent", "name": name, "softwareVersion": version}
        for name, version in lock.software.items()
        if version
    ]
    return {
        "prov:wasDerivedFrom": [_without_none(source) for source in sources],
        "prov:wasGeneratedBy": [_without_none(activity) for activity in activities],
        "prov:wasAttributedTo": software,
    }


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, [], {})}


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
