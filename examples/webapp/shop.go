package main

import (
	"database/sql"
	"embed"
	"fmt"
	"net/http"
	"path/filepath"

	"github.com/alexedwards/scs/sqlite3store"
	"github.com/alexedwards/scs/v2"
	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chatproxy"
	"github.com/chatident/chatident/hmachash"
	"github.com/chatident/chatident/placeholders"
)

//go:embed web
var web embed.FS

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
	chat      *chatproxy.Proxy
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
	forBrowsers, err := s.routes()
	if err != nil {
		return nil, err
	}
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(s.crossSitePost))
	// Ainisa calls without a session and with an Origin header, which the protection
	// against cross-origin requests would reject.
	mux := http.NewServeMux()
	mux.Handle(ordersPath, orders)
	mux.Handle("/", crossOrigin.Handler(s.sessions.LoadAndSave(forBrowsers)))
	s.handler = mux
	return s, nil
}

// routes returns the handler for browsers.
func (s *shop) routes() (http.Handler, error) {
	identity, err := megadeskEndpoint(s.cfg.megadeskSecret, s.actions, s.currentCustomer)
	if err != nil {
		return nil, fmt.Errorf("MEGADESK_IDENTITY_SECRET: %w", err)
	}
	if s.chat, err = newChat(s.bot, s.cfg.chatSecret, s.currentCustomer); err != nil {
		return nil, fmt.Errorf("CHATPROXY_SECRET: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/api/megadesk-identity", identity)
	mux.Handle("/api/chat/", http.StripPrefix("/api/chat", s.chat))

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
