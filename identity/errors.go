package identity

import "errors"

// A FieldError says which field broke which rule. Every rejected argument
// is one, always as a pointer, and so is every fault in the claims of a token
// that was opened. It never holds a key, a token or the value of a field; keys
// of Extra and Services are quoted and cut.
type FieldError struct {
	// Field is an argument ("key", "Options.TTL"), or a claim as a path
	// ("userDetail.email", `userDetail["my key"]`).
	Field string

	// Rule is the rule in words: "must not be empty".
	Rule string
}

func (e *FieldError) Error() string { return "identity: " + e.Field + ": " + e.Rule }

// checkRule returns nil for no rule.
func checkRule(field, rule string) error {
	if rule == "" {
		return nil
	}
	return &FieldError{field, rule}
}

var (
	// ErrInvalidToken reports a string that is not a token sealed with a key of the
	// Opener. It does not say what is wrong with it.
	ErrInvalidToken = errors.New("identity: invalid token")

	// ErrExpired reports a token that was good until its expiry.
	ErrExpired = errors.New("identity: token has expired")
)
