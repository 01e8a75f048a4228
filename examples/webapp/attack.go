package main

// The ticket that the attacks page steals. A real shop has no such endpoint.

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"

	"github.com/chatident/chatident/chatclient"
)

// stolenTicket returns the ticket of the victim's latest conversation, as if it had been
// copied from the victim's browser.
func (s *shop) stolenTicket(w http.ResponseWriter, r *http.Request, c customer) {
	ticket, err := s.latestTicketOf(r.Context(), victimOf(&c))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"conversation": ticket}) // an error means that the visitor has left
}

// latestTicketOf sends a message as the victim, and then gets the ticket from the chat
// handler as the victim's browser would.
func (s *shop) latestTicketOf(ctx context.Context, victim customer) (string, error) {
	if _, err := s.bot.Send(ctx, chatclient.Message{Text: "How long does a refund take?", UserID: chatclient.UserID(victim.ID)}); err != nil {
		return "", err
	}
	asVictim, err := newChat(s.bot, s.cfg.chatSecret, func(context.Context) (*customer, error) { return &victim, nil })
	if err != nil {
		return "", err
	}
	w := httptest.NewRecorder()
	asVictim.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/conversations?limit=1", nil))
	var history struct {
		Conversations []struct{ Conversation string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &history); err != nil {
		return "", err
	}
	if len(history.Conversations) == 0 {
		return "", errors.New("the victim has no conversations")
	}
	return history.Conversations[0].Conversation, nil
}

// victimOf returns the customer whom the visitor attacks: Grace, or Ada if that is Grace.
func victimOf(c *customer) customer {
	if c != nil && c.ID == demoCustomers[1].ID {
		return demoCustomers[0]
	}
	return demoCustomers[1]
}
