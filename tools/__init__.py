"""What the project is looked after with: checks and generated pages. `make help` names the verbs that call them."""
