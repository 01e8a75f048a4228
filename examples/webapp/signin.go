package main

// Sessions, the sign-in and the sign-out.

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chatproxy"
)

// sessionCustomer is the key of the customer's id, the only value in a session. Only the
// sign-in writes it: a slow request that wrote to the session would restore it after a
// sign-out.
const sessionCustomer = "customer"

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
	if err := s.endSession(r); err != nil {
		s.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// endSession signs the customer out and ends the replies of the chat, also on other devices, so
// that no tool runs for a customer who has left.
func (s *shop) endSession(r *http.Request) error {
	id := s.sessions.GetString(r.Context(), sessionCustomer)
	if err := s.sessions.Destroy(r.Context()); err != nil {
		return err
	}
	s.chat.StopReplies(chatproxy.Visitor{UserID: chatclient.UserID(id)}) // after the end of the session
	return nil
}
