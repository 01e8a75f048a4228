package main

import (
	"bytes"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"

	"github.com/chatident/chatident/contacts"
)

var pages = template.Must(template.ParseFS(web, "web/*.html"))

// view is what the templates see.
type view struct {
	Path          string // of the page
	Customer      *customer
	Unknown       bool // whether the session was not read
	DemoCustomers []customer
	Nonce         string
	Message       string // the title of a message page, or the result of a form
	Details       []string
	Fault         string // the error in a form
	Next          string // the path to return to after the sign-in

	RealMegadesk, RealAinisa    bool
	MegadeskPublicID, VendorURL string
	AinisaBlock, AinisaWidget   template.HTML
	RealBookbag, UseChat        bool
	Victim                      customer // the customer whom the attacks are on

	Typed        customer // the values in the account form
	Plans        []string
	Contact      *contacts.Contact // nil if Bookbag has none
	ContactFault bool

	Refund, Preview, PreviewFault string
}

type menuItem struct{ Path, Name string }

var menu = []menuItem{
	{"/", "Who am I?"}, {"/chat", "Chat"}, {"/account", "Account"}, {"/actions", "Actions"}, {"/attacks", "Attacks"},
}

// Menu returns the links of the header.
func (view) Menu() []menuItem { return menu }

// Title returns the title of the page for the browser's tab.
func (v view) Title() string {
	for _, item := range menu {
		if item.Path == v.Path {
			return item.Name
		}
	}
	switch v.Path {
	case "/login":
		return "Sign in"
	case "/usechat":
		return "useChat"
	}
	return v.Message
}

// page serves a page for signed-in customers and other visitors. If add is non-nil, it adds
// to the view of a customer.
func (s *shop) page(name string, add func(*view, customer)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := s.currentCustomer(r.Context())
		if err != nil {
			s.fail(w, r, err)
			return
		}
		v := s.newView(r, c)
		if v.AinisaBlock, err = s.ainisa.Script(ainisaUserOf(c), v.Nonce); err == nil {
			v.AinisaWidget, err = s.ainisa.Widget(v.Nonce)
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if c != nil && add != nil {
			add(&v, *c)
		}
		s.render(w, r, http.StatusOK, name, v)
	}
}

// previewRefund shows what Megadesk's action would send for the customer.
func (s *shop) previewRefund(v *view, c customer) {
	payload, err := payloadOf(c, s.actions)
	if err != nil {
		v.PreviewFault = err.Error()
		return
	}
	preview, err := s.refund.Preview(payload)
	if err != nil {
		v.PreviewFault = err.Error()
		return
	}
	v.Preview = preview.String()
}

func (s *shop) newView(r *http.Request, c *customer) view {
	return view{
		Path:             r.URL.Path,
		Customer:         c,
		DemoCustomers:    demoCustomers,
		Nonce:            randomHex(16),
		RealMegadesk:     s.cfg.realMegadesk,
		RealAinisa:       s.cfg.realAinisa,
		RealBookbag:      s.cfg.bookbagKey != "",
		UseChat:          s.cfg.useChat != "",
		MegadeskPublicID: s.cfg.megadeskPublicID,
		VendorURL:        s.vendorURL,
		Victim:           victimOf(c),
		Refund:           string(refundFile),
	}
}

func (s *shop) notFound(w http.ResponseWriter, r *http.Request) {
	s.renderMessage(w, r, http.StatusNotFound, "Page not found")
}

func (s *shop) fail(w http.ResponseWriter, r *http.Request, err error) {
	s.log(r, "page failed", err)
	s.renderMessage(w, r, http.StatusInternalServerError, "The shop has a problem. Try again in a minute.")
}

func (s *shop) crossSitePost(w http.ResponseWriter, r *http.Request) {
	s.renderMessage(w, r, http.StatusForbidden, "The shop ignored this form, because another site sent it.")
}

// renderMessage renders a page with a sentence. It does not read the session, which may be
// the reason for the message.
func (s *shop) renderMessage(w http.ResponseWriter, r *http.Request, status int, message string) {
	v := view{Path: r.URL.Path, Unknown: true, Nonce: randomHex(16), Message: message}
	s.render(w, r, status, "message.html", v)
}

func (s *shop) render(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, v); err != nil {
		slog.ErrorContext(r.Context(), "template", "name", name, "error", err)
		http.Error(w, "The shop has a problem. Try again in a minute.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", s.policy(v.Nonce))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	// The page may carry a user_hash, which never expires.
	h.Set("Cache-Control", "private, no-store")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // an error means that the visitor has left
}

// policy returns a Content-Security-Policy that allows the shop's files and what the vendors'
// scripts need. The real vendors do not document their needs, so their scripts may load and
// call any https address.
func (s *shop) policy(nonce string) string {
	const always = "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; script-src 'nonce-%s'"
	if !s.cfg.realMegadesk && !s.cfg.realAinisa {
		return fmt.Sprintf(always+"; style-src 'self'; img-src data:; connect-src 'self' %s; frame-src %[2]s", nonce, s.vendorURL)
	}
	return fmt.Sprintf(always+" 'strict-dynamic'; style-src 'self' 'unsafe-inline' https:; connect-src 'self' https: wss: %s;"+
		" img-src https: data: blob:; font-src https: data:; frame-src https: %[2]s; media-src https: data: blob:", nonce, s.vendorURL)
}

func static(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		http.ServeFileFS(w, r, web, name)
	}
}
