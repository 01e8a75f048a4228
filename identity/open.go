package identity

import (
	"crypto/fips140"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxKeys = 3

	// maxToken bounds a token, in characters: 8,192 bytes of claims make 11,004.
	maxToken = 12 * 1024
)

// Opened is the content of a token.
type Opened struct {
	// Payload is the customer whom the token describes. It follows the rules of
	// [Minter.Mint]. Numbers in Extra and Services are json.Number.
	Payload Payload

	// IssuedAt and ExpiresAt are the claims iat and exp, to the second.
	IssuedAt, ExpiresAt time.Time
}

// Opener decrypts tokens for tests, previews and stand-ins. In production, only the
// vendor decrypts them. It comes from [NewOpener]; the zero value opens no token. It is
// safe for concurrent use.
type Opener struct {
	redacted
	decrypt []func(*jose.JSONWebEncryption) ([]byte, error)
}

// NewOpener returns an Opener with one to three keys: the current one and previous ones.
// The error is a *[FieldError] for another number of keys, for a key that does not come
// from [ParseKey], and for any key under GODEBUG=fips140=only.
func NewOpener(keys ...Key) (*Opener, error) {
	if len(keys) == 0 || len(keys) > maxKeys {
		return nil, &FieldError{"keys", fmt.Sprintf("must be 1 to %d, got %d", maxKeys, len(keys))}
	}
	var o Opener
	for _, key := range keys {
		if err := key.check(); err != nil {
			return nil, err
		}
		if fips140.Enforced() {
			return nil, keyError("cannot open tokens under GODEBUG=fips140=only, since go-jose's use of AES-GCM is rejected there")
		}
		o.decrypt = append(o.decrypt, func(jwe *jose.JSONWebEncryption) ([]byte, error) {
			return jwe.Decrypt(key.reveal())
		})
	}
	return &o, nil
}

// Open decrypts a token and checks its claims. It is strict:
//
//   - [ErrInvalidToken] means that no key of o decrypts the token, that it is longer
//     than 12 KiB, or that it is not in the compact form that the vendor documents. A kid
//     and a typ in the header are accepted.
//   - A *[FieldError] means that a claim breaks a rule of [Payload], that there is a root
//     other than userDetail, integrations, iat and exp, or that a time is missing. In a
//     named field, null and an empty string count as absent. One of name and fullName
//     is enough. Of duplicate members, the last counts, as in JavaScript.
//   - [ErrExpired] means that the second of exp has begun. There is no leeway, as in
//     jose for Node.
//
// Source: Megadesk, "Personalized chat"; RFC 7516 section 3.1. The limits are this
// package's own.
func (o *Opener) Open(token string) (Opened, error) {
	plaintext, err := o.plaintext(token)
	if err != nil {
		return Opened{}, err
	}
	opened, err := parseClaims(plaintext)
	if err != nil {
		return Opened{}, err
	}
	if !time.Now().Before(opened.ExpiresAt) {
		return Opened{}, ErrExpired
	}
	return opened, nil
}

func (o *Opener) plaintext(token string) ([]byte, error) {
	if !wellFormed(token) {
		return nil, ErrInvalidToken
	}
	jwe, err := jose.ParseEncryptedCompact(token, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A128GCM})
	if err != nil {
		return nil, ErrInvalidToken
	}
	for _, decrypt := range o.decrypt {
		if plaintext, err := decrypt(jwe); err == nil {
			return plaintext, nil
		}
	}
	return nil, ErrInvalidToken
}

// wellFormed checks what go-jose lets pass: the length, the empty key segment,
// the sizes of nonce and tag, base64url without line breaks or stray bits, and
// the header's members.
func wellFormed(token string) bool {
	if len(token) > maxToken || strings.ContainsAny(token, "\r\n") {
		return false
	}
	parts := strings.Split(token, ".")
	if len(parts) != 5 || parts[1] != "" || len(parts[2]) != 16 || len(parts[4]) != 22 {
		return false
	}
	var header []byte
	for i, part := range parts {
		b, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil {
			return false
		}
		if i == 0 {
			header = b
		}
	}
	return plainHeader(header)
}

// plainHeader allows strings named alg, enc, kid and typ alone. go-jose would
// honour a zip and inflate the claims.
func plainHeader(header []byte) bool {
	var members map[string]*string
	if json.Unmarshal(header, &members) != nil {
		return false
	}
	for name, value := range members {
		if value == nil || !slices.Contains([]string{"alg", "enc", "kid", "typ"}, name) {
			return false
		}
	}
	return true
}
