"""What a model would say to the prompts of distilabel's tasks: each in the form its task reads."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any


def task_text(messages: Any, plain: str, variant: int = 0) -> str:
    """The answer to these messages, always the same; `plain` where nothing more is asked than words. A prompt with
    `[[unparsable]]` gets words, whatever is asked."""
    text = "\n".join(m["content"] for m in messages)
    number = 1 + hashlib.sha256(f"{variant}|{text}".encode()).digest()[0] % 5
    if "[[unparsable]]" in text:
        return plain
    if "two new sections" in text:
        return f"## Positive\nYes, {plain}\n## Negative\nNo, {plain}"
    if "### Output for Text 1" in text:
        several = sorted(set(re.findall(r"<text (\d)>", text.rsplit("### Input", 1)[1])))
        of_type = "Type: 1\nRationale: typed\n" if "Type:" in text else ""
        return "\n\n".join(f"{of_type}Rating: {1 + (number + int(i)) % 5}\nRationale: text {i}" for i in several)
    if "###Feedback:" in text:
        return f"Feedback: {plain} [RESULT] {'A' if 'Response B' in text else number}"
    if "[1] Score: 1" in text:
        listed = re.findall(r"^\[(\d)\] (?!Score)", text, re.MULTILINE)
        return "\n".join(f"[{i}] Score: {number}" for i in listed)
    if "Score: <rating>" in text:
        return f"{plain}\nScore: {number}"
    if "{teacher_reasoning}" in text:
        return f"{{teacher_reasoning}}: {plain}\n{{corrected_student_solution}}: Better: {plain}"
    if "[[[User]]]" in text:
        return f"What is {plain}\n[[[Assistant]]] It is {plain}"
    if "# AI Application" in text:
        return "\n".join(f"Say {word}." for word in plain.split()[:3])
    if "JSON object must contain" in text:
        return json.dumps({key: f"{key}: {plain}" for key in re.findall(r'^ - "(\w+)":', text, re.MULTILINE)})
    if '"passes"' in text:
        return json.dumps({"thought": plain, "passes": "yes" if number > 2 else "no"})
    if '"labels"' in text:
        return json.dumps({"labels": plain.split()[0]})
    if '"query"' in text:
        return json.dumps([{"query": plain, "answers": [{"name": "f", "arguments": {"x": number}}]}])
    if "Step 1" in text:
        return f"Step 1: {plain}\nStep 2: {plain} The answer is: {number}"
    return plain
