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

// Bookbag signs customers for Bookbag's widget. It comes from [NewBookbag]; the
// zero value is not usable. It is safe for concurrent use. However it is printed or
// encoded, it shows as [redacted].
type Bookbag struct {
	redacted
	hasher *Hasher
}

// NewBookbag returns a Bookbag for the signing secret of an agent. The options
// may be nil. A secret, current or previous, that [New] rejects or that was not
// pasted whole (in quotes, with white space at an edge, ${NAME}) is a *[FieldError].
//
// Source: Bookbag, the widget's "Identity verification".
func NewBookbag(secret string, options *Options) (*Bookbag, error) {
	h, err := newHasher(secret, options, checkVendorSecret)
	if err != nil {
		return nil, err
	}
	return &Bookbag{hasher: h}, nil
}

// SetSecret is [Hasher.SetSecret], with the rules of [NewBookbag].
func (b *Bookbag) SetSecret(secret string, options *Options) error {
	return b.hasher.SetSecret(secret, options)
}

// BookbagUser is a signed-in customer. Only the ID is covered by the user_hash:
// a visitor can change the other fields, and the vendor does not notice it.
// Empty fields are left out.
type BookbagUser struct {
	// ID is the customer's id in your system, as a string. Empty for a visitor
	// who is not signed in.
	ID string

	// Name and Email become name and email of user_metadata.
	Name, Email string

	// Metadata holds further keys of user_metadata, which become attributes of
	// the contact. A key must not be empty, name or email. The values are those
	// that JavaScript reads back unchanged: strings of valid UTF-8 without NUL,
	// booleans, nil, integers up to 2^53-1 in size (pass others as strings), finite
	// floats, times, maps with string keys and slices of these, and pointers to
	// these. A driver.Valuer such as sql.NullString counts as what it holds, and
	// its NULL is left out. All together may have 16 KiB of JSON.
	Metadata map[string]any
}

const maxMetadata = 16 << 10

// BookbagIdentity is what the page hands to the widget's identify call. It
// holds the customer's user_hash, so neither log nor cache it.
//
// Source: Bookbag, the widget's "Identity verification".
type BookbagIdentity struct {
	UserID   string `json:"user_id"`
	UserHash string `json:"user_hash"`

	// UserMetadata has the values as they are read back from JSON; its numbers are
	// json.Number.
	UserMetadata map[string]any `json:"user_metadata,omitempty"`
}

// Identify returns the signed customer as JSON has it, for
// window.bookbag("identify", it).
//
// A *[FieldError] reports an id that is empty, means "not set" ("undefined",
// "null", the nil UUID), has more than 512 bytes or a character that does not print,
// a text that is not valid UTF-8 or has white space at its edges, and a key or value
// that breaks the rules of Metadata.
func (b *Bookbag) Identify(u BookbagUser) (BookbagIdentity, error) {
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
	for _, key := range []string{"", "name", "email"} {
		if _, ok := metadata[key]; ok {
			return nil, &FieldError{"BookbagUser.Metadata" + value.Path(key), "must not have this key (name and email are fields)"}
		}
	}
	if u.Name != "" {
		metadata["name"] = u.Name
	}
	if u.Email != "" {
		metadata["email"] = u.Email
	}
	object, err := value.Append(nil, metadata, maxMetadata)
	if e, ok := errors.AsType[*value.Error](err); ok {
		return nil, &FieldError{"BookbagUser.Metadata" + e.Path, e.Rule}
	}
	d := json.NewDecoder(bytes.NewReader(object))
	d.UseNumber()
	metadata = nil
	return metadata, d.Decode(&metadata)
}

// Script returns the block that calls window.bookbag("identify", ...), with the CSP
// nonce, or without one when nonce is empty (see [ScriptHash]). Put it into the body
// of every page, and the embed tag of your agent as the dashboard has it, before or
// after: the block waits for window.bookbag, however late a consent banner loads
// it. It identifies each customer once in the life of a page, and for a visitor
// without an id it forgets a customer whom it waits to identify.
//
// Bookbag documents no sign-out: load a whole page at sign-out and at a change of
// customer, where the site swaps the body otherwise. Serve a page that carries the
// block with Cache-Control: private, no-store.
//
// The errors are those of [Bookbag.Identify], and a *[FieldError] for a nonce
// that is not base64.
//
// Source: Bookbag, the widget's "Identity verification".
func (b *Bookbag) Script(u BookbagUser, nonce string) (template.HTML, error) {
	data, err := b.Data(u)
	return withScript(nonce, data, err)
}

// Data is the block of [Bookbag.Script] without the script, for pages that load it
// from [ScriptFile].
func (b *Bookbag) Data(u BookbagUser) (template.HTML, error) {
	identity, err := b.identify(u)
	return dataElement("bookbag", identity, err)
}

// identify returns nil for a visitor who is not signed in.
func (b *Bookbag) identify(u BookbagUser) (any, error) {
	if u.ID == "" {
		return nil, nil
	}
	return b.Identify(u)
}

// Handler serves {"identity":...} to single-page apps: the JSON of
// [Bookbag.Identify], for window.bookbag("identify", it), or null for a visitor
// whose ID is empty. Its path is /api/bookbag-identity by default. Everything else is
// as in [Ainisa.Handler].
func (b *Bookbag) Handler(lookup func(*http.Request) (BookbagUser, error), options *HandlerOptions) http.Handler {
	return newHandler("/api/bookbag-identity", lookup, b.identify, options)
}
