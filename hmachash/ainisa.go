package hmachash

import (
	"cmp"
	"html/template"
	"net/http"

	"github.com/chatident/chatident/internal/field"
)

// Ainisa signs customers for Ainisa's widget, and verifies them when Ainisa
// calls your API. It comes from [NewAinisa]; the zero value is not usable. It is
// safe for concurrent use. However it is printed or encoded, it shows as
// [redacted].
type Ainisa struct {
	redacted
	hasher *Hasher
}

// NewAinisa returns an Ainisa for the Secret Key of Ainisa's dashboard. The
// options may be nil. A secret, current or previous, that [New] rejects or that was
// not pasted whole (in quotes, with white space at an edge, ${NAME}) is a
// *[FieldError].
//
// Source: Ainisa, "User data".
func NewAinisa(secret string, options *Options) (*Ainisa, error) {
	h, err := newHasher(secret, options, checkVendorSecret)
	if err != nil {
		return nil, err
	}
	return &Ainisa{hasher: h}, nil
}

// SetSecret is [Hasher.SetSecret], with the rules of [NewAinisa].
func (a *Ainisa) SetSecret(secret string, options *Options) error {
	return a.hasher.SetSecret(secret, options)
}

// AinisaUser is a signed-in customer. Only the ID is covered by the user_hash:
// a visitor can change the other fields, and the vendor does not notice it.
// Empty fields are left out.
type AinisaUser struct {
	// ID is the customer's id in your system, as a string (the number 1 is
	// "1"). Empty for a visitor who is not signed in.
	ID string

	// FirstName, LastName and Email become firstname, lastname and email.
	FirstName, LastName, Email string
}

// AinisaIdentity is what the page hands to the widget as window.ainisaUser.
// It holds the customer's user_hash, so neither log nor cache it.
//
// Source: Ainisa, "User data".
type AinisaIdentity struct {
	UserID    string `json:"user_id"`
	UserHash  string `json:"user_hash"`
	FirstName string `json:"firstname,omitempty"`
	LastName  string `json:"lastname,omitempty"`
	Email     string `json:"email,omitempty"`
}

// Identify returns the signed customer as JSON has it.
//
// A *[FieldError] reports an id that is empty, means "not set" ("undefined",
// "null", the nil UUID), has more than 512 bytes or a character that does not print,
// and a text that is not valid UTF-8 or has white space at its edges.
func (a *Ainisa) Identify(u AinisaUser) (AinisaIdentity, error) {
	if err := cmp.Or(
		checkRule("AinisaUser.ID", field.PageID(u.ID)),
		checkRule("AinisaUser.FirstName", field.Text(u.FirstName)),
		checkRule("AinisaUser.LastName", field.Text(u.LastName)),
		checkRule("AinisaUser.Email", field.Text(u.Email)),
	); err != nil {
		return AinisaIdentity{}, err
	}
	hash, err := a.hasher.Hash(u.ID)
	return AinisaIdentity{u.ID, hash, u.FirstName, u.LastName, u.Email}, err
}

// Script returns the block that sets window.ainisaUser, with the CSP nonce, or
// without one when nonce is empty (see [ScriptHash]). Put it into the body of every
// page, before [Ainisa.Widget]: for a visitor without an id it deletes
// window.ainisaUser, which in a page whose body is swapped is still that of the
// customer before. Whether a widget that is loaded reads it again is not documented.
//
// Serve a page that carries it with Cache-Control: private, no-store.
//
// The errors are those of [Ainisa.Identify], and a *[FieldError] for a nonce
// that is not base64.
//
// Source: Ainisa, "User data".
func (a *Ainisa) Script(u AinisaUser, nonce string) (template.HTML, error) {
	data, err := a.Data(u)
	return withScript(nonce, data, err)
}

// Data is the block of [Ainisa.Script] without the script, for pages that load it
// from [ScriptFile].
func (a *Ainisa) Data(u AinisaUser) (template.HTML, error) {
	identity, err := a.identify(u)
	return dataElement("ainisa", identity, err)
}

// identify returns nil for a visitor who is not signed in.
func (a *Ainisa) identify(u AinisaUser) (any, error) {
	if u.ID == "" {
		return nil, nil
	}
	return a.Identify(u)
}

// Widget returns the tag that loads Ainisa's widget, with the CSP nonce, or
// without one when nonce is empty. Every page has it, for anonymous visitors
// too. It runs after the page is parsed, so after the block; in a site whose pages
// swap the body, put it into the head. If your dashboard has another tag, use that.
// A nonce that is not base64 is a *[FieldError].
//
// Source: Ainisa, "User data".
func (a *Ainisa) Widget(nonce string) (template.HTML, error) {
	return script(` src="https://chatbot.ainisa.com/widget.js" defer`, nonce, "")
}

// Handler serves {"identity":...} to single-page apps: the JSON of
// [Ainisa.Identify], to be set as window.ainisaUser before the widget is loaded, or
// null for a visitor whose ID is empty. Its path is /api/ainisa-identity by
// default; [HandlerOptions] and the rules of identity.Handler apply: one raw path,
// GET and HEAD, pages of the same origin, no caching, 500 if lookup fails or panics.
//
// The options may be nil. Handler panics if lookup is nil.
func (a *Ainisa) Handler(lookup func(*http.Request) (AinisaUser, error), options *HandlerOptions) http.Handler {
	return newHandler("/api/ainisa-identity", lookup, a.identify, options)
}
