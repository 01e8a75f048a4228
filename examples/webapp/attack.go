package main

// What the page of attacks needs to show them: something to steal.

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"

	"github.com/chatident/chatident/chatclient"
)

// stolenTicket gives out the ticket of the victim's latest conversation, as if it
// had been copied from the victim's browser. No shop of your own has this.
func (s *shop) stolenTicket(w http.ResponseWriter, r *http.Request, c customer) {
	ticket, err := s.latestTicketOf(r.Context(), victimOf(&c))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"conversation": ticket}) // the visitor may be gone
}

// latestTicketOf asks the chat's handler as the victim's browser would, after the
// victim has said something.
func (s *shop) latestTicketOf(ctx context.Context, victim customer) (string, error) {
	if _, err := s.bot.Send(ctx, chatclient.Message{Text: "How long does a refund take?", UserID: chatclient.UserID(victim.ID)}); err != nil {
		return "", err
	}
	asVictim, err := chatEndpoint(s.bot, s.cfg.chatSecret, func(context.Context) (*customer, error) { return &victim, nil })
	if err != nil {
		return "", err
	}
	w := httptest.NewRecorder()
	asVictim.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/chat/conversations?limit=1", nil))
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

// victimOf is whom the visitor tries to be.
func victimOf(c *customer) customer {
	if c != nil && c.ID == demoCustomers[1].ID {
		return demoCustomers[0]
	}
	return demoCustomers[1]
}
