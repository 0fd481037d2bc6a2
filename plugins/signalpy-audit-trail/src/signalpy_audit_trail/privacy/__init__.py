"""What is stored of a value: rules, the forms that they give it, and how those who may read see it."""
