package hmachash

// A FieldError says which argument or field broke which rule. Every rejected argument
// is one, always as a pointer. Its text holds neither a secret nor a field's value.
type FieldError struct {
	// Field is an argument ("secret", "nonce") or a field ("AinisaUser.ID").
	Field string

	// Rule is the rule in words: "must not be empty".
	Rule string
}

func (e *FieldError) Error() string { return "hmachash: " + e.Field + ": " + e.Rule }

// checkRule returns nil for no rule.
func checkRule(field, rule string) error {
	if rule == "" {
		return nil
	}
	return &FieldError{field, rule}
}
