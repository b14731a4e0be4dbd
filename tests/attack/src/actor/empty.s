// Lets functions without a body be declared.
