# Two commands are all one needs: `make up` to run Balanza, `make test` to check it.
.POSIX:
.PHONY: up test bench balancing format clean
ARGS =

up:
	@sh scripts/bootstrap.sh run
	@exec .venv/bin/python -m balanza up $(ARGS)

test:
	@sh scripts/test.sh $(ARGS)

bench:
	@sh scripts/bootstrap.sh dev
	@exec .venv/bin/python -m bench $(ARGS)

# Simulates the figures of docs/balancing.md anew, and draws its charts.
balancing:
	@sh scripts/bootstrap.sh dev
	@exec .venv/bin/python -m scripts.balancing --write $(ARGS)

format:
	@sh scripts/bootstrap.sh dev
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

clean:
	rm -rf .venv .tools build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
