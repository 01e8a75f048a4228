package hmachash

// FieldError reports an argument or a field that breaks a rule. Every rejected argument
// is a *FieldError. It holds no secret and no value.
type FieldError struct {
	// Field is an argument ("secret", "nonce") or a field ("AinisaUser.ID").
	Field string

	// Rule is the rule in words: "must not be empty".
	Rule string
}

func (e *FieldError) Error() string { return "hmachash: " + e.Field + ": " + e.Rule }

// notMade is the error of a nil pointer, or of a zero value.
func notMade(name, function string) error {
	return &FieldError{name, "must come from " + function + " (was its error ignored?)"}
}

// checkRule returns nil for no rule.
func checkRule(field, rule string) error {
	if rule == "" {
		return nil
	}
	return &FieldError{field, rule}
}
