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

// sessionCustomer is the customer's id, all that a session keeps. Only the sign-in
// writes it: a slow request that writes would bring back a session that the
// sign-out has ended meanwhile.
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
	bot       *chatclient.Client
	contacts  *contactBook
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
	if s.refund, err = refundAction(); err != nil {
		return nil, err
	}
	bot, book, err := account.clients()
	if err != nil {
		return nil, err
	}
	s.bot, s.contacts = bot, newContactBook(book, s.customers)
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
	// Ainisa has no session, and an Origin of its own, which the protection
	// against other sites would refuse.
	mux := http.NewServeMux()
	mux.Handle(ordersPath, orders)
	mux.Handle("/", crossOrigin.Handler(s.sessions.LoadAndSave(site)))
	s.handler = mux
	return s, nil
}

// routes are what browsers ask for.
func (s *shop) routes() (http.Handler, error) {
	identity, err := megadeskEndpoint(s.cfg.megadeskSecret, s.currentCustomer)
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
	mux.HandleFunc("GET /account", s.signedIn(s.accountPage))
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
		http.Error(w, "The shop cannot read your session at the moment. Try again in a minute.", http.StatusInternalServerError)
	}
	return sessions
}

type customerHandler func(http.ResponseWriter, *http.Request, customer)

// signedIn passes the customer on, and sends everybody else to the sign-in.
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

// ownForm refuses the form of a page that shows another customer, from before
// somebody else signed in with the same browser.
func (s *shop) ownForm(next customerHandler) customerHandler {
	return func(w http.ResponseWriter, r *http.Request, c customer) {
		if r.PostFormValue("customer") != c.ID {
			s.tell(w, r, http.StatusConflict, "Somebody else is signed in now, so the shop did nothing.")
			return
		}
		next(w, r, c)
	}
}

const maxForm = 4096

func (s *shop) loginPage(w http.ResponseWriter, r *http.Request) {
	s.renderLogin(w, r, http.StatusOK, r.URL.Query().Get("next"), "")
}

// renderLogin shows the form, to somebody who is signed in too.
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
		s.renderLogin(w, r, http.StatusUnauthorized, next, "That user name and password do not belong together.")
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
	s.follow(r, c.ID) // and if not now, then next time
	if !slices.Contains([]string{"/chat", "/account", "/actions", "/attacks", "/usechat"}, next) {
		next = "/" // never to another site
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (s *shop) logout(w http.ResponseWriter, r *http.Request) {
	if err := s.sessions.Destroy(r.Context()); err != nil {
		s.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
