package hmachash

import (
	"fmt"
	"html/template"
	"maps"
	"unicode/utf8"

	"github.com/chatident/chatident/internal/exactjson"
)

// Bookbag signs customers for Bookbag's widget. It comes from [NewBookbag]; the
// zero Bookbag is of no use. It is safe for use by many
// goroutines. However it is printed or encoded, it shows as [redacted].
type Bookbag struct {
	redacted
	hasher *Hasher
}

// NewBookbag returns a Bookbag for the signing secret of an agent. The options
// may be nil. A secret, current or previous, that [New] refuses, or that has
// white space at an edge, is a *[FieldError].
//
// Source: Bookbag, the widget's "Identity verification".
func NewBookbag(secret string, options *Options) (*Bookbag, error) {
	h, err := newVendorHasher(secret, options)
	if err != nil {
		return nil, err
	}
	return &Bookbag{hasher: h}, nil
}

// BookbagUser is a signed-in customer. Only the ID is covered by the user_hash:
// the vendor cannot tell whether the other fields were changed by the visitor.
// Empty fields are left out.
type BookbagUser struct {
	// ID is the customer's id in your system, as a string. Empty for a visitor
	// who is not signed in.
	ID string

	// Name and Email become name and email of user_metadata.
	Name, Email string

	// Metadata holds further keys of user_metadata, which become attributes of
	// the contact: anything that JSON can carry. A key must not be empty, name
	// or email.
	Metadata map[string]any
}

// BookbagIdentity is what the page hands to the widget's identify call. It
// holds the customer's user_hash, so neither log nor cache it.
//
// Source: Bookbag, the widget's "Identity verification".
type BookbagIdentity struct {
	UserID       string         `json:"user_id"`
	UserHash     string         `json:"user_hash"`
	UserMetadata map[string]any `json:"user_metadata,omitempty"`
}

// Identify returns the signed customer, to be sent as JSON to a single-page
// app, which calls window.bookbag("identify", it).
//
// It refuses with a *[FieldError] an id that is empty, has white space at an
// edge or control characters in it, text that is not valid UTF-8, a key that
// breaks the rules of Metadata, and a value that JSON cannot carry.
func (b *Bookbag) Identify(u BookbagUser) (BookbagIdentity, error) {
	if err := checkPageID("BookbagUser.ID", u.ID); err != nil {
		return BookbagIdentity{}, err
	}
	metadata, err := u.metadata()
	if err != nil {
		return BookbagIdentity{}, err
	}
	hash, err := b.hasher.Hash(u.ID)
	return BookbagIdentity{u.ID, hash, metadata}, err
}

func (u *BookbagUser) metadata() (map[string]any, error) {
	metadata := map[string]any{}
	maps.Copy(metadata, u.Metadata)
	for _, key := range []string{"", "name", "email"} {
		if _, ok := metadata[key]; ok {
			return nil, &FieldError{"BookbagUser.Metadata", fmt.Sprintf("must not have the key %q", key)}
		}
	}
	for key, v := range metadata {
		if _, err := exactjson.Marshal(map[string]any{key: v}); err != nil {
			return nil, &FieldError{fmt.Sprintf("BookbagUser.Metadata[%.64q]", key), err.Error()}
		}
	}
	for _, f := range []struct{ field, key, value string }{
		{"BookbagUser.Name", "name", u.Name},
		{"BookbagUser.Email", "email", u.Email},
	} {
		if !utf8.ValidString(f.value) {
			return nil, &FieldError{f.field, "must be valid UTF-8"}
		}
		if f.value != "" {
			metadata[f.key] = f.value
		}
	}
	return metadata, nil
}

// Script returns the block that names the customer to the widget, as a
// <script> with the CSP nonce, or without one when nonce is empty. Put the
// embed tag of your agent beside it, as the dashboard has it: its form is not
// documented, so this package does not make one. Where window.bookbag is
// not there yet, the block waits until the page has loaded. For a visitor
// without an id it is empty, whatever the other fields and the nonce hold.
//
// A page that carries it is to be served with Cache-Control: private, no-store.
//
// The errors are those of [Bookbag.Identify], and a *[FieldError] for a nonce
// that is not base64.
//
// Source: Bookbag, the widget's "Identity verification".
func (b *Bookbag) Script(u BookbagUser, nonce string) (template.HTML, error) {
	if u.ID == "" {
		return "", nil
	}
	identity, err := b.Identify(u)
	if err != nil {
		return "", err
	}
	object, err := exactjson.Marshal(identity)
	if err != nil {
		return "", err
	}
	text, err := exactjson.Marshal(string(object))
	if err != nil {
		return "", err
	}
	// JSON.parse, since a key __proto__ of an object literal would be no key.
	return script("", nonce, `(function(user){`+
		`function identify(){window.bookbag("identify",user)}`+
		`typeof window.bookbag==="function"?identify():window.addEventListener("load",identify)`+
		`})(JSON.parse(`+string(text)+`));`)
}
