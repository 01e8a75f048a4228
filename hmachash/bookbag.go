package hmachash

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"html/template"
	"maps"
	"net/http"

	"github.com/chatident/chatident/internal/field"
	"github.com/chatident/chatident/internal/value"
)

// Bookbag signs customers for Bookbag's widget. It comes from [NewBookbag]; the zero
// value is not usable. It is safe for concurrent use. It prints and encodes as
// [redacted].
type Bookbag struct {
	redacted
	hasher *Hasher
}

// NewBookbag returns a Bookbag for the signing secret of an agent. The options may be nil.
// A secret that [New] rejects, or that was not pasted correctly (in quotes, with white
// space at an edge, ${NAME}), is a *[FieldError]. The same holds for previous secrets.
//
// Source: Bookbag, the widget's "Identity verification".
func NewBookbag(secret string, options *Options) (*Bookbag, error) {
	h, err := newHasher(secret, options, checkVendorSecret)
	if err != nil {
		return nil, err
	}
	return &Bookbag{hasher: h}, nil
}

// SetSecret is like [Hasher.SetSecret], with the rules of [NewBookbag].
func (b *Bookbag) SetSecret(secret string, options *Options) error {
	if b == nil {
		return notMade("Bookbag", "NewBookbag")
	}
	return b.hasher.SetSecret(secret, options)
}

// BookbagUser is a signed-in customer. The user_hash covers the ID only: the visitor can
// change the other fields, and the vendor cannot detect it. Empty fields are left out.
type BookbagUser struct {
	// ID is the customer's id in your system, as a string. It is empty for a visitor who
	// is not signed in.
	ID string

	// Name and Email become name and email of user_metadata.
	Name, Email string

	// Metadata has further keys of user_metadata, which become attributes of the
	// contact. A key must not be empty, name or email. A value is one that JavaScript
	// reads back unchanged: a string of valid UTF-8 without NUL, a boolean, nil, an
	// integer of at most 2^53-1 in size (pass a larger one as a string), a finite float,
	// a time other than the zero time, a map with string keys or a slice of these, at most
	// 32 deep, or a pointer to one. Of a driver.Valuer such as sql.NullString, the value is
	// used, and NULL is left out. The result of a MarshalJSON method is decoded and must
	// follow the same rules.
	// Name, Email and Metadata together must be at most 16 KiB of JSON.
	Metadata map[string]any
}

const maxMetadata = 16 << 10

// BookbagIdentity is the argument of the widget's identify call. It has the customer's
// user_hash, so do not log or cache it.
//
// Source: Bookbag, the widget's "Identity verification".
type BookbagIdentity struct {
	UserID   string `json:"user_id"`
	UserHash string `json:"user_hash"`

	// UserMetadata has the values as decoded from JSON. Numbers are json.Number.
	UserMetadata map[string]any `json:"user_metadata,omitempty"`
}

// Identify returns the customer with the user_hash, to be encoded as JSON and passed to
// window.bookbag("identify", ...).
//
// An id is a *[FieldError] if it is empty, means "not set" ("undefined", "null", the nil
// UUID), has more than 512 bytes, or has a character that does not print. Any text
// that is not valid UTF-8 or has white space at its edges is a *[FieldError] too, and
// so is a key or value that breaks the rules of Metadata.
func (b *Bookbag) Identify(u BookbagUser) (BookbagIdentity, error) {
	if b == nil {
		return BookbagIdentity{}, notMade("Bookbag", "NewBookbag")
	}
	if err := cmp.Or(
		checkRule("BookbagUser.ID", field.PageID(u.ID)),
		checkRule("BookbagUser.Name", field.Text(u.Name)),
		checkRule("BookbagUser.Email", field.Text(u.Email)),
	); err != nil {
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
	for key, text := range map[string]string{"": "", "name": u.Name, "email": u.Email} {
		if _, ok := metadata[key]; ok {
			return nil, &FieldError{"BookbagUser.Metadata" + value.Path(key), "must not have this key (name and email are fields)"}
		}
		if text != "" {
			metadata[key] = text
		}
	}
	object, err := value.Append(nil, metadata, maxMetadata)
	if e, ok := errors.AsType[*value.Error](err); ok {
		return nil, &FieldError{"BookbagUser.Metadata" + e.Path, e.Rule}
	}
	d := json.NewDecoder(bytes.NewReader(object))
	d.UseNumber()
	metadata = nil
	err = d.Decode(&metadata)
	return metadata, err
}

// Script returns the block that calls window.bookbag("identify", ...), with nonce as its
// CSP nonce, or without one if nonce is empty (see [ScriptHash]). Put it into the body of
// every page, and the embed tag of your agent before or after it, as the dashboard shows
// it. The block waits for window.bookbag, even if a consent banner loads the embed much
// later. It identifies each customer once per page load. For a user without an ID it stops
// waiting.
//
// Bookbag documents no sign-out: in a site that swaps the body, load a whole page at
// sign-out and at a change of customer. Serve the page with Cache-Control: private,
// no-store.
//
// The errors are those of [Bookbag.Identify]. A nonce that is not base64 is a *[FieldError].
//
// Source: Bookbag, the widget's "Identity verification".
func (b *Bookbag) Script(u BookbagUser, nonce string) (template.HTML, error) {
	data, err := b.Data(u)
	return withScript(nonce, data, err)
}

// Data returns the block of [Bookbag.Script] without the script, for pages that load the script
// from [ScriptFile].
func (b *Bookbag) Data(u BookbagUser) (template.HTML, error) {
	return dataElement("bookbag", u, b.identify)
}

// identify returns nil for a visitor who is not signed in.
func (b *Bookbag) identify(u BookbagUser) (any, error) {
	if u.ID == "" && b != nil {
		return nil, nil
	}
	return b.Identify(u)
}

// Handler serves {"identity":...} to single-page apps, with the JSON of
// [Bookbag.Identify], or null if lookup returns a user without an ID. Pass it to
// window.bookbag("identify", ...). The path is /api/bookbag-identity by default. All
// other rules are those of [Ainisa.Handler].
func (b *Bookbag) Handler(lookup func(*http.Request) (BookbagUser, error), options *HandlerOptions) http.Handler {
	if b == nil {
		panic(notMade("Bookbag", "NewBookbag"))
	}
	return newHandler("/api/bookbag-identity", lookup, b.identify, options)
}
