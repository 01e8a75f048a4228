package identity

import "errors"

// FieldError reports an argument or a claim that breaks a rule. Every rejected argument
// is a *FieldError, and so is every bad claim of a token that [Opener.Open] decrypts. It
// contains no key, token or value. It quotes and truncates the keys of Extra and Services.
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
	// ErrInvalidToken means that a text is not a token, or that no key of the Opener
	// decrypts it. It gives no further reason.
	ErrInvalidToken = errors.New("identity: invalid token")

	// ErrExpired means that the token is valid except that it has expired.
	ErrExpired = errors.New("identity: token has expired")
)
