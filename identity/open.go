package identity

import (
	"crypto/fips140"
	"encoding/base64"
	"encoding/json"
	"fmt"
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
	// Payload is what the token says. It follows the rules of [Minter.Mint]. Numbers in
	// Extra and Services are json.Number.
	Payload Payload

	// IssuedAt and ExpiresAt are the claims iat and exp, to the second.
	IssuedAt, ExpiresAt time.Time
}

// Opener decrypts tokens for tests, previews and stand-ins; in production the vendor
// does. It comes from [NewOpener]; the zero value opens nothing. It is safe for
// concurrent use.
type Opener struct {
	redacted
	decrypt []func(*jose.JSONWebEncryption) ([]byte, error)
}

// NewOpener returns an Opener that tries one to three keys: the current one and previous
// ones. A key that does not come from [ParseKey], another number of keys, and any key
// under GODEBUG=fips140=only are a *[FieldError].
func NewOpener(keys ...Key) (*Opener, error) {
	if len(keys) == 0 || len(keys) > maxKeys {
		return nil, &FieldError{"keys", fmt.Sprintf("must be 1 to %d, are %d", maxKeys, len(keys))}
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
//   - [ErrInvalidToken] means that no key of o encrypted the token, that it is longer
//     than 12 KiB, or that it is not the compact form that the vendor documents. A kid
//     and a typ in the header are tolerated.
//   - A *[FieldError] means claims that break a rule of [Payload], a root other than
//     userDetail, integrations, iat and exp, or a missing time. Null and an empty string
//     count as absent, either of name and fullName is enough, and the last of duplicate
//     members counts, as in JavaScript.
//   - [ErrExpired] means that the second of exp has begun, by time.Now and without
//     leeway, as in jose for Node.
//
// Source: Megadesk, "Personalized chat"; RFC 7516 section 3.1. The bounds are not the
// vendor's.
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
		switch name {
		case "alg", "enc", "kid", "typ":
			if value == nil {
				return false
			}
		default:
			return false
		}
	}
	return true
}
