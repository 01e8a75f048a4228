package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/chatident/chatident/contacts"
)

// bookbagPatience is how long a page waits for Bookbag's contacts.
const bookbagPatience = 3 * time.Second

var plans = []string{"free", "pro", "business"}

func (s *shop) accountPage(w http.ResponseWriter, r *http.Request, c customer) {
	s.renderAccount(w, r, http.StatusOK, c, c, "")
}

// renderAccount shows the form with what was typed into it.
func (s *shop) renderAccount(w http.ResponseWriter, r *http.Request, status int, c, typed customer, fault string) {
	v := s.newView(r, &c)
	v.Typed, v.Fault, v.Plans = typed, fault, plans
	ctx, cancel := context.WithTimeout(r.Context(), bookbagPatience)
	defer cancel()
	switch contact, err := s.contacts.client.Get(ctx, c.ID); {
	case err == nil:
		v.Contact = contact
	case !errors.Is(err, contacts.ErrNotFound):
		s.log(r, "contact not read", err)
		v.ContactFault = true
	}
	s.render(w, r, status, "account.html", v)
}

// saveAccount changes the row, and then the contact after it. A contact that
// cannot be reached does not undo the change: the next one, or the next sign-in,
// brings it into step.
func (s *shop) saveAccount(w http.ResponseWriter, r *http.Request, c customer) {
	typed := c
	typed.FirstName = strings.TrimSpace(r.PostFormValue("first_name"))
	typed.LastName = strings.TrimSpace(r.PostFormValue("last_name"))
	typed.Plan = r.PostFormValue("plan")
	if fault := faultOf(typed); fault != "" {
		s.renderAccount(w, r, http.StatusBadRequest, c, typed, fault)
		return
	}
	if err := s.customers.update(r.Context(), typed); err != nil {
		s.fail(w, r, err)
		return
	}
	message := "Saved. Bookbag knows it too."
	if !s.follow(r, c.ID) {
		message = "Saved. Bookbag could not be told at the moment: it will be when you save or sign in again."
	}
	s.sessions.Put(r.Context(), sessionMessage, message)
	http.Redirect(w, r, "/account", http.StatusSeeOther)
}

// faultOf says in a sentence what is wrong with what a customer typed.
func faultOf(c customer) string {
	for _, f := range []struct{ name, value string }{{"first name", c.FirstName}, {"last name", c.LastName}} {
		if !utf8.ValidString(f.value) || utf8.RuneCountInString(f.value) > 60 || strings.ContainsFunc(f.value, unicode.IsControl) {
			return fmt.Sprintf("The %s must be text of at most 60 characters.", f.name)
		}
	}
	switch {
	case c.FirstName == "":
		return "The first name is missing."
	case !slices.Contains(plans, c.Plan):
		return "There is no such plan."
	}
	return ""
}

// follow brings the contact into step, and says whether it could.
func (s *shop) follow(r *http.Request, id string) bool {
	ctx, cancel := context.WithTimeout(r.Context(), bookbagPatience)
	defer cancel()
	err := s.contacts.follow(ctx, id)
	if err != nil {
		s.log(r, "contact not in step", err)
	}
	return err == nil
}

// deleteAccount deletes the contact, the account and the session.
func (s *shop) deleteAccount(w http.ResponseWriter, r *http.Request, c customer) {
	ctx, cancel := context.WithTimeout(r.Context(), bookbagPatience)
	defer cancel()
	if err := s.contacts.forget(ctx, c.ID); err != nil {
		s.log(r, "customer not deleted", err)
		s.renderAccount(w, r, http.StatusBadGateway, c, c, "Your account is still there: Bookbag could not delete your contact. Try again in a minute.")
		return
	}
	if err := s.sessions.Destroy(r.Context()); err != nil {
		s.fail(w, r, err)
		return
	}
	v := s.newView(r, nil)
	v.Message = "Your account and your contact at Bookbag are deleted."
	v.Details = []string{
		"What you said in chats stays at Bookbag, which documents no call to delete it: ask the shop.",
		"A token that your browser still has for Megadesk works for up to an hour.",
		"A copy of your user_hash for Ainisa works until the shop changes its secret.",
		"The demo brings its customers back when it is started again.",
	}
	s.render(w, r, http.StatusOK, "message.html", v)
}

func (s *shop) log(r *http.Request, message string, err error) {
	if r.Context().Err() == nil { // else the visitor has left
		slog.ErrorContext(r.Context(), message, "path", r.URL.Path, "error", err)
	}
}
