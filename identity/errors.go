package identity

import "errors"

// FieldError reports an argument or a claim that breaks a rule. Every rejected argument
// is a *FieldError, and so is every bad claim of a token that [Opener.Open] decrypts. It
// holds no key, token or value; keys of Extra and Services are quoted and cut.
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
	// ErrInvalidToken means that a text is not a token that a key of the Opener
	// encrypted. It does not say why.
	ErrInvalidToken = errors.New("identity: invalid token")

	// ErrExpired means that the token is correct and has expired.
	ErrExpired = errors.New("identity: token has expired")
)
