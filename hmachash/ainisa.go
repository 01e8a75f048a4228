package hmachash

import (
	"cmp"
	"html/template"
	"net/http"

	"github.com/chatident/chatident/internal/field"
)

// Ainisa signs customers for Ainisa's widget, and verifies them when Ainisa calls your
// API. It comes from [NewAinisa]; the zero value is not usable. It is safe for concurrent
// use. It prints and encodes as [redacted].
type Ainisa struct {
	redacted
	hasher *Hasher
}

// NewAinisa returns an Ainisa for the Secret Key of Ainisa's dashboard. The options may be
// nil. A secret that [New] rejects, or that was not pasted correctly (in quotes, with white
// space at an edge, ${NAME}), is a *[FieldError]. The same holds for previous secrets.
//
// Source: Ainisa, "User data".
func NewAinisa(secret string, options *Options) (*Ainisa, error) {
	h, err := newHasher(secret, options, checkVendorSecret)
	if err != nil {
		return nil, err
	}
	return &Ainisa{hasher: h}, nil
}

// SetSecret is like [Hasher.SetSecret], with the rules of [NewAinisa].
func (a *Ainisa) SetSecret(secret string, options *Options) error {
	if a == nil {
		return notMade("Ainisa", "NewAinisa")
	}
	return a.hasher.SetSecret(secret, options)
}

// AinisaUser is a signed-in customer. The user_hash covers the ID only: the visitor can
// change the other fields, and the vendor cannot detect it. Empty fields are left out.
type AinisaUser struct {
	// ID is the customer's id in your system, as a string: the number 1 is "1". It is
	// empty for a visitor who is not signed in.
	ID string

	// FirstName, LastName and Email become firstname, lastname and email.
	FirstName, LastName, Email string
}

// AinisaIdentity is the value of window.ainisaUser in the page. It has the customer's
// user_hash, so do not log or cache it.
//
// Source: Ainisa, "User data".
type AinisaIdentity struct {
	UserID    string `json:"user_id"`
	UserHash  string `json:"user_hash"`
	FirstName string `json:"firstname,omitempty"`
	LastName  string `json:"lastname,omitempty"`
	Email     string `json:"email,omitempty"`
}

// Identify returns the customer with the user_hash, to be encoded as JSON.
//
// An id is a *[FieldError] if it is empty, means "not set" ("undefined", "null", the nil
// UUID), has more than 512 bytes, or has a character that does not print. Any text
// that is not valid UTF-8 or has white space at its edges is a *[FieldError] too.
func (a *Ainisa) Identify(u AinisaUser) (AinisaIdentity, error) {
	if a == nil {
		return AinisaIdentity{}, notMade("Ainisa", "NewAinisa")
	}
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

// Script returns the block that sets window.ainisaUser, with nonce as its CSP nonce, or
// without one if nonce is empty (see [ScriptHash]). Put it into the body of every page,
// before [Ainisa.Widget]. For a user without an ID it deletes window.ainisaUser, which
// would otherwise remain from the previous customer when the body of a page is swapped.
// Whether a loaded widget reads it again is not documented.
//
// Serve the page with Cache-Control: private, no-store.
//
// The errors are those of [Ainisa.Identify]. A nonce that is not base64 is a *[FieldError].
//
// Source: Ainisa, "User data".
func (a *Ainisa) Script(u AinisaUser, nonce string) (template.HTML, error) {
	data, err := a.Data(u)
	return withScript(nonce, data, err)
}

// Data returns the block of [Ainisa.Script] without the script, for pages that load the script
// from [ScriptFile].
func (a *Ainisa) Data(u AinisaUser) (template.HTML, error) {
	return dataElement("ainisa", u, a.identify)
}

// identify returns nil for a visitor who is not signed in.
func (a *Ainisa) identify(u AinisaUser) (any, error) {
	if u.ID == "" && a != nil {
		return nil, nil
	}
	return a.Identify(u)
}

// Widget returns the tag that loads Ainisa's widget, with nonce as its CSP nonce, or
// without one if nonce is empty. Put it into every page, because anonymous visitors chat
// too. Its script is deferred: in a page that is loaded, it runs after the block. In a site
// that swaps the body, put it into the head of every page. If Turbo swaps to it from a
// page without it, the script may run before the block: load a whole page there (see
// docs/page-blocks.md). If your dashboard shows another tag, use that. A nonce that is not
// base64 is a *[FieldError].
//
// Source: Ainisa, "User data".
func (a *Ainisa) Widget(nonce string) (template.HTML, error) {
	return script(` src="https://chatbot.ainisa.com/widget.js" defer`, nonce, "")
}

// Handler serves {"identity":...} to single-page apps, with the JSON of
// [Ainisa.Identify], or null if lookup returns a user without an ID. Set it as
// window.ainisaUser before the widget is loaded.
//
// The path is /api/ainisa-identity by default. The rules are those of identity.Handler:
// one raw path, GET and HEAD only, pages of the same origin only, no caching, and a 500
// if lookup returns an error or panics.
//
// The options may be nil. Handler panics if a or lookup is nil.
func (a *Ainisa) Handler(lookup func(*http.Request) (AinisaUser, error), options *HandlerOptions) http.Handler {
	if a == nil {
		panic(notMade("Ainisa", "NewAinisa"))
	}
	return newHandler("/api/ainisa-identity", lookup, a.identify, options)
}
