package identity

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/chatident/chatident/internal/secret"
)

const keySize = 16

type redacted = secret.Redacted

// Key is Megadesk's Encryption Key: 128 bits for AES-GCM. It comes from [ParseKey]; the
// zero Key is not usable. It prints and encodes as [redacted].
type Key struct {
	redacted
	reveal func() []byte
}

// ParseKey reads the Encryption Key as the dashboard shows it: 32 hexadecimal digits in
// either case. It ignores ASCII white space around them, such as a trailing newline, as
// the vendor's example does.
//
// Any other text, or a key of zeros, is a *[FieldError] that names the likely cause but
// does not contain the text.
//
// Source: Megadesk, "Personalized chat".
func ParseKey(text string) (Key, error) {
	text = strings.Trim(text, " \t\r\n\v\f")
	if err := checkRule("key", secret.Check(text)); err != nil {
		return Key{}, err
	}
	key, err := hex.DecodeString(text)
	switch {
	case strings.HasPrefix(text, "0x"), strings.HasPrefix(text, "0X"):
		return Key{}, keyError("must be hexadecimal digits without 0x before them")
	case len(text) != 2*keySize:
		return Key{}, keyError(fmt.Sprintf("must be %d hexadecimal digits, got %d characters", 2*keySize, utf8.RuneCountInString(text)))
	case err != nil:
		return Key{}, keyError("must be hexadecimal digits only")
	case [keySize]byte(key) == [keySize]byte{}:
		return Key{}, keyError("must not be all zero")
	}
	return Key{reveal: func() []byte { return key }}, nil
}

func (k Key) check() error {
	if k.reveal == nil {
		return keyError("must come from ParseKey")
	}
	return nil
}

func keyError(rule string) error { return &FieldError{Field: "key", Rule: rule} }
