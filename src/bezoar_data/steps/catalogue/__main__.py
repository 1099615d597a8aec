"""`python -m bezoar_data.steps.catalogue`."""

from bezoar_data.steps.catalogue.write import main

raise SystemExit(main())
