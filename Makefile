# The two commands of a contributor. Both need the environment of the README's test command.
.PHONY: check generated lint hashes

check: lint  ## what CI holds a change to, without the slow tests
	pytest -m "not slow"

lint:  ## style, types, contracts between folders, and whether the generated files are current
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	python -m bezoar_data.steps.catalogue.write
	python -m bezoar_data.steps.external.write
	python -m bezoar_data.training.write_settings
	python -m bezoar_data.project.write_answers
	bezoar-data schema --check

generated:  ## write the files that are made from the code
	python -m bezoar_data.steps.catalogue.write --write
	python -m bezoar_data.steps.external.write --write
	python -m bezoar_data.training.write_settings --write
	python -m bezoar_data.project.write_answers --write
	bezoar-data schema

hashes:  ## write lock-hashes.txt again after a change of lock.txt; needs uv and the package index
	uv pip compile -q --python-version 3.11.7 --python-platform x86_64-manylinux_2_28 --all-extras \
		--generate-hashes --no-annotate --no-header -c lock.txt pyproject.toml -o lock-hashes.txt
