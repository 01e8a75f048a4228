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

// contactTimeout is how long a page waits for Bookbag's contacts.
const contactTimeout = 3 * time.Second

var plans = []string{"free", "pro", "business"}

func (s *shop) accountPage(w http.ResponseWriter, r *http.Request) {
	switch c, err := s.currentCustomer(r.Context()); {
	case err != nil:
		s.fail(w, r, err)
	case c == nil:
		s.render(w, r, http.StatusOK, "account.html", s.newView(r, nil))
	default:
		s.renderAccount(w, r, http.StatusOK, *c, *c, "")
	}
}

// renderAccount renders the form with the typed values and, if it is non-empty, the fault.
func (s *shop) renderAccount(w http.ResponseWriter, r *http.Request, status int, c, typed customer, fault string) {
	v := s.newView(r, &c)
	v.Message = saved[r.URL.Query().Get("saved")]
	v.Typed, v.Fault, v.Plans = typed, fault, plans
	ctx, cancel := context.WithTimeout(r.Context(), contactTimeout)
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

// saved maps the query of saveAccount's redirect to the sentence on the page.
var saved = map[string]string{
	"both": "Saved in the shop and at Bookbag.",
	"here": "Saved in the shop. Bookbag did not respond: your contact will be updated when you save or sign in again.",
}

// saveAccount updates the row, then the contact. If Bookbag fails, the row stays changed, and
// the next change or sign-in updates the contact.
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
	where := "both"
	if !s.syncContact(r, c.ID) {
		where = "here"
	}
	http.Redirect(w, r, "/account?saved="+where, http.StatusSeeOther)
}

// faultOf returns a sentence about the first invalid value, or "".
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
		return "Choose one of the plans."
	}
	return ""
}

// syncContact updates the contact from the customer's row, and reports whether it succeeded.
func (s *shop) syncContact(r *http.Request, id string) bool {
	ctx, cancel := context.WithTimeout(r.Context(), contactTimeout)
	defer cancel()
	err := s.contacts.upsert(ctx, id)
	if err != nil {
		s.log(r, "contact not updated", err)
	}
	return err == nil
}

// deleteAccount deletes the contact, the account and the session.
func (s *shop) deleteAccount(w http.ResponseWriter, r *http.Request, c customer) {
	ctx, cancel := context.WithTimeout(r.Context(), contactTimeout)
	defer cancel()
	if err := s.contacts.delete(ctx, c.ID); err != nil {
		s.log(r, "customer not deleted", err)
		s.renderAccount(w, r, http.StatusBadGateway, c, c, "Your account is not deleted, because Bookbag could not delete your contact. Try again in a minute.")
		return
	}
	if err := s.endSession(r); err != nil {
		s.fail(w, r, err)
		return
	}
	v := s.newView(r, nil)
	v.Message = "Your account and your contact at Bookbag are deleted"
	v.Details = []string{
		"Your chat messages stay at Bookbag, which documents no call to delete them. Ask the shop.",
		"A Megadesk token that your browser still has is valid for up to an hour.",
		"A copy of your user_hash for Ainisa is valid until the shop changes its secret.",
		"The demo restores its customers when it restarts.",
	}
	s.render(w, r, http.StatusOK, "message.html", v)
}

func (s *shop) log(r *http.Request, message string, err error) {
	if r.Context().Err() == nil { // otherwise the visitor has left
		slog.ErrorContext(r.Context(), message, "path", r.URL.Path, "error", err)
	}
}
