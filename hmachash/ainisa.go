package hmachash

import (
	"html/template"
	"unicode/utf8"

	"github.com/chatident/chatident/internal/exactjson"
)

// Ainisa signs customers for Ainisa's widget, and verifies them when Ainisa
// calls your API. It comes from [NewAinisa]; the zero Ainisa is of no use. It is
// safe for use by many goroutines. However it is printed or encoded, it shows as
// [redacted].
type Ainisa struct {
	redacted
	hasher *Hasher
}

// NewAinisa returns an Ainisa for the Secret Key of Ainisa's dashboard. The
// options may be nil. A secret, current or previous, that [New] refuses, or that
// has white space at an edge, is a *[FieldError].
//
// Source: Ainisa, "User data".
func NewAinisa(secret string, options *Options) (*Ainisa, error) {
	h, err := newVendorHasher(secret, options)
	if err != nil {
		return nil, err
	}
	return &Ainisa{hasher: h}, nil
}

// AinisaUser is a signed-in customer. Only the ID is covered by the user_hash:
// the vendor cannot tell whether the other fields were changed by the visitor.
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

// Identify returns the signed customer, to be sent as JSON to a single-page
// app, which sets window.ainisaUser before it loads the widget.
//
// It refuses with a *[FieldError] an id that is empty, has white space at an
// edge or control characters in it, and text that is not valid UTF-8.
func (a *Ainisa) Identify(u AinisaUser) (AinisaIdentity, error) {
	if err := checkPageID("AinisaUser.ID", u.ID); err != nil {
		return AinisaIdentity{}, err
	}
	for _, f := range []struct{ field, value string }{
		{"AinisaUser.FirstName", u.FirstName},
		{"AinisaUser.LastName", u.LastName},
		{"AinisaUser.Email", u.Email},
	} {
		if !utf8.ValidString(f.value) {
			return AinisaIdentity{}, &FieldError{f.field, "must be valid UTF-8"}
		}
	}
	hash, err := a.hasher.Hash(u.ID)
	return AinisaIdentity{u.ID, hash, u.FirstName, u.LastName, u.Email}, err
}

// Script returns the block that names the customer to the widget, as a
// <script> with the CSP nonce, or without one when nonce is empty. It stands
// anywhere before [Ainisa.Widget]. For a visitor without an id it is empty,
// whatever the other fields and the nonce hold.
//
// A page that carries it is to be served with Cache-Control: private, no-store.
//
// The errors are those of [Ainisa.Identify], and a *[FieldError] for a nonce
// that is not base64.
//
// Source: Ainisa, "User data".
func (a *Ainisa) Script(u AinisaUser, nonce string) (template.HTML, error) {
	if u.ID == "" {
		return "", nil
	}
	identity, err := a.Identify(u)
	if err != nil {
		return "", err
	}
	object, err := exactjson.Marshal(identity)
	if err != nil {
		return "", err
	}
	return script("", nonce, "window.ainisaUser="+string(object)+";")
}

// Widget returns the tag that loads Ainisa's widget, with the CSP nonce, or
// without one when nonce is empty. Every page has it, for anonymous visitors
// too. A nonce that is not base64 is a *[FieldError].
//
// Source: Ainisa, "User data".
func (a *Ainisa) Widget(nonce string) (template.HTML, error) {
	return script(` src="https://chatbot.ainisa.com/widget.js"`, nonce, "")
}
