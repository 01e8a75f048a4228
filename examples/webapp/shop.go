package main

import (
	"bytes"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"github.com/alexedwards/scs/sqlite3store"
	"github.com/alexedwards/scs/v2"
	"github.com/chatident/chatident/hmachash"
)

//go:embed web
var web embed.FS

var pages = template.Must(template.ParseFS(web, "web/*.html"))

// sessionCustomer is the key under which a session keeps the customer's id.
const sessionCustomer = "customer"

// shop serves the pages of the demo.
type shop struct {
	customers customers
	sessions  *scs.SessionManager
	store     *sqlite3store.SQLite3Store
	ainisa    *hmachash.Ainisa
	cfg       config
	vendorURL string // of the stand-ins
	handler   http.Handler
}

func newShop(cfg config, db *sql.DB, vendorURL string) (*shop, error) {
	ainisa, err := hmachash.NewAinisa(cfg.ainisaSecret, nil)
	if err != nil {
		return nil, fmt.Errorf("AINISA_SECRET_KEY: %w", err)
	}
	accounts, err := newCustomers(db)
	if err != nil {
		return nil, err
	}
	s := &shop{customers: accounts, ainisa: ainisa, cfg: cfg, vendorURL: vendorURL, store: sqlite3store.New(db)}
	s.sessions = newSessions(s.store)
	endpoint, err := megadeskEndpoint(cfg.megadeskSecret, s.currentCustomer)
	if err != nil {
		return nil, fmt.Errorf("MEGADESK_IDENTITY_SECRET: %w", err)
	}

	mux := http.NewServeMux()
	mux.Handle("/api/megadesk-identity", endpoint)
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /login", s.loginPage)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /logout", s.logout)
	mux.HandleFunc("GET /style.css", static("web/style.css"))
	mux.HandleFunc("GET /app.js", static("web/app.js"))
	mux.HandleFunc("/", s.notFound)

	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(s.crossSitePost))
	s.handler = crossOrigin.Handler(s.sessions.LoadAndSave(mux))
	return s, nil
}

func newSessions(store scs.Store) *scs.SessionManager {
	sessions := scs.New()
	sessions.Store = store
	sessions.HashTokenInStore = true
	sessions.Lifetime = 12 * time.Hour
	sessions.Cookie.Name = "shop_session"
	sessions.Cookie.HttpOnly = true
	sessions.Cookie.SameSite = http.SameSiteLaxMode
	// The demo is plain HTTP on loopback. A real shop sets Cookie.Secure.
	sessions.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) {
		slog.ErrorContext(r.Context(), "session", "error", err)
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "The shop cannot read your session at the moment. Try again in a minute.", http.StatusInternalServerError)
	}
	return sessions
}

// view is what the templates see.
type view struct {
	Customer      *customer
	DemoCustomers []customer
	Message       string
	Nonce         string

	RealMegadesk, RealAinisa    bool
	MegadeskPublicID, VendorURL string
	AinisaBlock, AinisaWidget   template.HTML
	Forged                      customer // whom "try to be" tries to be
}

func (s *shop) home(w http.ResponseWriter, r *http.Request) {
	c, err := s.currentCustomer(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v := s.newView(c)
	v.Forged = demoCustomers[1]
	if c != nil && c.ID == v.Forged.ID {
		v.Forged = demoCustomers[0]
	}
	if v.AinisaBlock, err = s.ainisa.Script(ainisaUserOf(c), v.Nonce); err == nil {
		v.AinisaWidget, err = s.ainisa.Widget(v.Nonce)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.render(w, r, http.StatusOK, "home.html", v)
}

func (s *shop) loginPage(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, http.StatusOK, "login.html", s.newView(nil))
}

func (s *shop) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	c, err := s.customers.signIn(r.Context(), r.PostFormValue("username"), r.PostFormValue("password"))
	switch {
	case errors.Is(err, errNoCustomer):
		v := s.newView(nil)
		v.Message = "That user name and password do not belong together."
		s.render(w, r, http.StatusUnauthorized, "login.html", v)
		return
	case err != nil:
		s.fail(w, r, err)
		return
	}
	// A new token, so that one planted before the sign-in is worth nothing.
	if err := s.sessions.RenewToken(r.Context()); err != nil {
		s.fail(w, r, err)
		return
	}
	s.sessions.Put(r.Context(), sessionCustomer, c.ID)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *shop) logout(w http.ResponseWriter, r *http.Request) {
	if err := s.sessions.Destroy(r.Context()); err != nil {
		s.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *shop) notFound(w http.ResponseWriter, r *http.Request) {
	v := s.newView(nil)
	v.Message = "There is nothing at this address."
	s.render(w, r, http.StatusNotFound, "message.html", v)
}

func (s *shop) crossSitePost(w http.ResponseWriter, r *http.Request) {
	v := s.newView(nil)
	v.Message = "This form was sent from another site, so the shop did nothing."
	s.render(w, r, http.StatusForbidden, "message.html", v)
}

func (s *shop) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil { // else the visitor has left
		slog.ErrorContext(r.Context(), "page failed", "path", r.URL.Path, "error", err)
	}
	v := s.newView(nil)
	v.Message = "Something went wrong on our side. Try again in a minute."
	s.render(w, r, http.StatusInternalServerError, "message.html", v)
}

func (s *shop) newView(c *customer) view {
	return view{
		Customer:         c,
		DemoCustomers:    demoCustomers,
		Nonce:            randomHex(16),
		RealMegadesk:     s.cfg.realMegadesk,
		RealAinisa:       s.cfg.realAinisa,
		MegadeskPublicID: s.cfg.megadeskPublicID,
		VendorURL:        s.vendorURL,
	}
}

func (s *shop) render(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, v); err != nil {
		slog.ErrorContext(r.Context(), "template", "name", name, "error", err)
		http.Error(w, "Something went wrong on our side. Try again in a minute.", http.StatusInternalServerError)
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
	_, _ = b.WriteTo(w) // the visitor may be gone: nothing to do
}

// policy allows the page's own files, and what the vendors' scripts need. The
// real ones don't document theirs, so they may load and call what they like.
func (s *shop) policy(nonce string) string {
	const always = "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; script-src 'nonce-%s'"
	if !s.cfg.realMegadesk && !s.cfg.realAinisa {
		return fmt.Sprintf(always+"; style-src 'self'; img-src data:; connect-src 'self' %s", nonce, s.vendorURL)
	}
	return fmt.Sprintf(always+" 'strict-dynamic'; style-src 'self' 'unsafe-inline' https:; connect-src 'self' https: wss: %s;"+
		" img-src https: data: blob:; font-src https: data:; frame-src https:; media-src https: data: blob:", nonce, s.vendorURL)
}

func static(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		http.ServeFileFS(w, r, web, name)
	}
}
