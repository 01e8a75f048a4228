package main

import (
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/alexedwards/scs/sqlite3store"
	"github.com/alexedwards/scs/v2"
	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/hmachash"
	"github.com/chatident/chatident/placeholders"
)

//go:embed web
var web embed.FS

// sessionCustomer is the key of the customer's id, the only value in a session. Only the
// sign-in writes it: a slow request that wrote to the session would restore it after a
// sign-out.
const sessionCustomer = "customer"

const (
	ordersPath    = "/ainisa/orders"
	useChatScript = "usechat.js"
)

// shop serves the pages of the demo.
type shop struct {
	customers customers
	sessions  *scs.SessionManager
	store     *sqlite3store.SQLite3Store
	ainisa    *hmachash.Ainisa
	actions   *hmachash.Hasher // of the credentials for Megadesk's actions
	bot       *chatclient.Client
	contacts  *contactSync
	refund    *placeholders.CompiledAction
	cfg       config
	vendorURL string // of the stand-ins
	handler   http.Handler
}

func newShop(cfg config, db *sql.DB, vendorURL string, account bookbag) (*shop, error) {
	s := &shop{cfg: cfg, vendorURL: vendorURL, store: sqlite3store.New(db)}
	s.sessions = newSessions(s.store)
	var err error
	if s.customers, err = newCustomers(db, cfg.passwordCost); err != nil {
		return nil, err
	}
	if s.ainisa, err = hmachash.NewAinisa(cfg.ainisaSecret, nil); err != nil {
		return nil, fmt.Errorf("AINISA_SECRET_KEY: %w", err)
	}
	// A real shop reads this secret from its environment, so that all machines share it.
	if s.actions, err = hmachash.New(randomHex(32), nil); err != nil {
		return nil, err
	}
	if s.refund, err = refundAction(); err != nil {
		return nil, err
	}
	bot, contacts, err := account.clients()
	if err != nil {
		return nil, err
	}
	s.bot, s.contacts = bot, newContactSync(contacts, s.customers)
	orders, err := ordersEndpoint(s.ainisa, cfg.ainisaActionKey)
	if err != nil {
		return nil, fmt.Errorf("AINISA_ACTION_KEY: %w", err)
	}
	site, err := s.routes()
	if err != nil {
		return nil, err
	}
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(s.crossSitePost))
	// Ainisa calls without a session and with an Origin header, which the protection
	// against cross-origin requests would reject.
	mux := http.NewServeMux()
	mux.Handle(ordersPath, orders)
	mux.Handle("/", crossOrigin.Handler(s.sessions.LoadAndSave(site)))
	s.handler = mux
	return s, nil
}

// routes returns the handler for browsers.
func (s *shop) routes() (http.Handler, error) {
	identity, err := megadeskEndpoint(s.cfg.megadeskSecret, s.actions, s.currentCustomer)
	if err != nil {
		return nil, fmt.Errorf("MEGADESK_IDENTITY_SECRET: %w", err)
	}
	chat, err := chatEndpoint(s.bot, s.cfg.chatSecret, s.currentCustomer)
	if err != nil {
		return nil, fmt.Errorf("CHATPROXY_SECRET: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/api/megadesk-identity", identity)
	mux.Handle("/api/chat/", chat)

	mux.HandleFunc("GET /{$}", s.page("home.html", nil))
	mux.HandleFunc("GET /chat", s.page("chat.html", nil))
	mux.HandleFunc("GET /actions", s.page("actions.html", s.previewRefund))
	mux.HandleFunc("GET /attacks", s.page("attacks.html", nil))
	mux.HandleFunc("GET /login", s.loginPage)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /logout", s.logout)
	mux.HandleFunc("GET /account", s.accountPage)
	mux.HandleFunc("POST /account", s.signedIn(s.ownForm(s.saveAccount)))
	mux.HandleFunc("POST /account/delete", s.signedIn(s.ownForm(s.deleteAccount)))
	mux.HandleFunc("POST /attacks/ticket", s.signedIn(s.stolenTicket))
	if s.cfg.useChat != "" {
		mux.HandleFunc("GET /usechat", s.page("usechat.html", nil))
		mux.HandleFunc("GET /"+useChatScript, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-cache")
			http.ServeFile(w, r, filepath.Join(s.cfg.useChat, useChatScript))
		})
	}
	for _, file := range []string{"style.css", "shop.js", "home.js", "chat.js", "actions.js", "attacks.js"} {
		mux.HandleFunc("GET /"+file, static("web/"+file))
	}
	mux.HandleFunc("/", s.notFound)
	return mux, nil
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
		http.Error(w, "The shop cannot read your session. Try again in a minute.", http.StatusInternalServerError)
	}
	return sessions
}

type customerHandler func(http.ResponseWriter, *http.Request, customer)

// signedIn calls next with the customer, and redirects other visitors to the sign-in.
func (s *shop) signedIn(next customerHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		switch c, err := s.currentCustomer(r.Context()); {
		case err != nil:
			s.fail(w, r, err)
		case c == nil:
			http.Redirect(w, r, "/login?next=/account", http.StatusSeeOther)
		default:
			next(w, r, *c)
		}
	}
}

// ownForm rejects a form from a page that another customer left open in this browser.
func (s *shop) ownForm(next customerHandler) customerHandler {
	return func(w http.ResponseWriter, r *http.Request, c customer) {
		if r.PostFormValue("customer") != c.ID {
			s.renderMessage(w, r, http.StatusConflict, "The shop ignored this form, because another customer has signed in since.")
			return
		}
		next(w, r, c)
	}
}

const maxForm = 4096

func (s *shop) loginPage(w http.ResponseWriter, r *http.Request) {
	s.renderLogin(w, r, http.StatusOK, r.URL.Query().Get("next"), "")
}

// renderLogin renders the form, also for a customer who is signed in.
func (s *shop) renderLogin(w http.ResponseWriter, r *http.Request, status int, next, fault string) {
	c, err := s.currentCustomer(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v := s.newView(r, c)
	v.Next, v.Fault = next, fault
	s.render(w, r, status, "login.html", v)
}

func (s *shop) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	c, err := s.customers.signIn(r.Context(), r.PostFormValue("username"), r.PostFormValue("password"))
	next := r.PostFormValue("next")
	switch {
	case errors.Is(err, errNoCustomer):
		s.renderLogin(w, r, http.StatusUnauthorized, next, "Wrong user name or password.")
		return
	case err != nil:
		s.fail(w, r, err)
		return
	}
	// A new session token, so that one planted before the sign-in is invalid.
	if err := s.sessions.RenewToken(r.Context()); err != nil {
		s.fail(w, r, err)
		return
	}
	s.sessions.Put(r.Context(), sessionCustomer, c.ID)
	s.syncContact(r, c.ID) // if it fails, the next sign-in retries it
	http.Redirect(w, r, returnPath(next), http.StatusSeeOther)
}

// returnPath returns next if it is a page of the shop. It never leads to another site.
func returnPath(next string) string {
	if next == "/usechat" || slices.ContainsFunc(menu, func(item menuItem) bool { return item.Path == next }) {
		return next
	}
	return "/"
}

func (s *shop) logout(w http.ResponseWriter, r *http.Request) {
	if err := s.sessions.Destroy(r.Context()); err != nil {
		s.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
