package hmachash

import (
	"cmp"
	"crypto/fips140"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/chatident/chatident/internal/field"
	"github.com/chatident/chatident/internal/secret"
)

// hashSize is the length of a user_hash in hexadecimal digits.
const hashSize = 2 * sha256.Size

type redacted = secret.Redacted

// Options configure [New], [NewAinisa], [NewBookbag] and the SetSecret methods. They
// print and encode as [redacted] in fmt, slog and encoding/json. Printers that follow
// fields by themselves still see the secrets: do not keep Options in a struct that is
// printed.
type Options struct {
	redacted

	// Previous are further secrets whose hashes are accepted: those used before, and
	// one that will be used next (see [Hasher.SetSecret]). Default: none.
	Previous []string
}

// Hasher computes user hashes: HMAC-SHA256 with a secret, in lower-case hexadecimal
// digits. It comes from [New]; the zero value is not usable. It is safe for concurrent
// use, also during SetSecret. It prints and encodes as [redacted].
//
// For Ainisa and Bookbag use [Ainisa] and [Bookbag], so that a customer of one is never
// signed with the secret of the other.
type Hasher struct {
	redacted
	check func(field, secret string) error
	macs  atomic.Pointer[[]macFunc] // of the current secret, then of the previous ones
}

// New returns a Hasher whose key is the text of secret, byte by byte, with any white space,
// such as the line end of a file. The options may be nil. A secret that is empty, or shorter
// than 14 bytes under GODEBUG=fips140=only, is a *[FieldError]. The same holds for previous
// secrets.
//
// Source: RFC 2104; Ainisa, "User data".
func New(secret string, options *Options) (*Hasher, error) {
	return newHasher(secret, options, checkSecret)
}

func newHasher(secret string, options *Options, check func(field, secret string) error) (*Hasher, error) {
	h := &Hasher{check: check}
	if err := h.SetSecret(secret, options); err != nil {
		return nil, err
	}
	return h, nil
}

// SetSecret makes h compute hashes with secret from now on, and accept those of
// options.Previous too. The errors are those of [New], and then nothing changes.
//
// To rotate without a gap, first put the next secret into Previous on every server, so
// that each accepts what another already signs. Then make it the secret, with the old
// one in Previous as long as pages with its hashes may be open. After a leak, keep no
// previous secret.
func (h *Hasher) SetSecret(secret string, options *Options) error {
	if h == nil || h.check == nil {
		return notMade("Hasher", "New")
	}
	if err := h.check("secret", secret); err != nil {
		return err
	}
	macs := []macFunc{newMAC(secret)}
	if options != nil {
		for i, previous := range options.Previous {
			if err := h.check(fmt.Sprintf("Options.Previous[%d]", i), previous); err != nil {
				return err
			}
			macs = append(macs, newMAC(previous))
		}
	}
	h.macs.Store(&macs)
	return nil
}

func checkSecret(field, secret string) error {
	switch {
	case secret == "":
		return &FieldError{field, "must not be empty (is the variable set?)"}
	case len(secret) < 14 && fips140.Enforced(): // hmac.New would panic
		return &FieldError{field, "must have at least 14 bytes under GODEBUG=fips140=only"}
	}
	return nil
}

// checkVendorSecret is for a secret that was copied from a dashboard.
func checkVendorSecret(field, text string) error {
	return cmp.Or(checkRule(field, secret.Check(text)), checkSecret(field, text))
}

// Hash returns the user_hash of id: 64 lower-case hexadecimal digits. An id that is
// empty, is not valid UTF-8, or means "not set" ("undefined", "null", the nil UUID) is a
// *[FieldError].
func (h *Hasher) Hash(id string) (string, error) {
	digits, err := h.AppendHash(make([]byte, 0, hashSize), id)
	return string(digits), err
}

// AppendHash appends the user_hash of id to dst, by the rules of [Hasher.Hash]. It does
// not allocate if dst has room for 64 bytes. After an error it returns dst unchanged.
func (h *Hasher) AppendHash(dst []byte, id string) ([]byte, error) {
	if err := h.checkID(id); err != nil {
		return dst, err
	}
	digits := h.mac(id)
	return append(dst, digits[:]...), nil
}

// Verify reports whether hash is the user_hash of id with the current secret or a
// previous one. The digits must be in lower case, as Hash returns them. The comparison
// takes constant time.
func (h *Hasher) Verify(id, hash string) bool {
	return h.checkID(id) == nil && h.verify(id, []byte(hash))
}

// mac computes the HMAC of any message with the current secret.
func (h *Hasher) mac(message string) [hashSize]byte { return (*h.macs.Load())[0](message) }

func (h *Hasher) verify(message string, digits []byte) bool {
	return slices.ContainsFunc(*h.macs.Load(), func(mac macFunc) bool {
		want := mac(message)
		return hmac.Equal(want[:], digits)
	})
}

func (h *Hasher) checkID(id string) error {
	switch {
	case h == nil || h.check == nil:
		return notMade("Hasher", "New")
	case id == "":
		return &FieldError{"id", "must not be empty"}
	case !utf8.ValidString(id):
		// JSON would carry U+FFFD instead: other bytes than were hashed.
		return &FieldError{"id", "must be valid UTF-8"}
	}
	return checkRule("id", field.Set(id))
}

// macFunc computes the HMAC of a message in hex. It is a function because no printer
// shows a key within a function.
type macFunc func(message string) [hashSize]byte

// newMAC keeps HMAC states for reuse: making one costs more than its use.
func newMAC(secret string) macFunc {
	type state struct {
		hash.Hash
		buf [sha256.BlockSize]byte
	}
	pool := sync.Pool{New: func() any {
		return &state{Hash: hmac.New(sha256.New, []byte(secret))}
	}}
	return func(message string) (digits [hashSize]byte) {
		s := pool.Get().(*state)
		defer pool.Put(s)
		s.Reset()
		for len(message) > 0 { // by blocks, for []byte(message) would allocate
			n := copy(s.buf[:], message)
			s.Write(s.buf[:n])
			message = message[n:]
		}
		hex.Encode(digits[:], s.Sum(s.buf[:0]))
		return digits
	}
}
