package chattest

import "fmt"

// SetStatus sets the status of a conversation: "taken_over" or "paused" by a
// person, "ended", "ongoing" again, or any other. It panics for an unknown
// conversation. What a message to a conversation that a person has taken over or
// paused gets is the reading "taken-over".
func (f *Fake) SetStatus(conversationID, status string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mustFind(conversationID).Status = status
}

// AddMessage adds a message that a person wrote in the place of the assistant,
// whose role it has, and returns its id. It panics for an unknown conversation.
func (f *Fake) AddMessage(conversationID, text string) (messageID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.addMessage(f.mustFind(conversationID), "assistant", text)
}

// AddWidgetConversation adds a conversation that was not made through the API,
// and returns its id. The texts are messages of the visitor and replies in turn.
// An empty userID is an anonymous visitor. Where it can be read is the reading
// "widget-conversations".
func (f *Fake) AddWidgetConversation(userID string, texts ...string) (conversationID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.store.create(userID, nil)
	c.widget = true
	for i, text := range texts {
		f.addMessage(c, []string{"user", "assistant"}[i%2], text)
	}
	return c.id()
}

func (f *Fake) addMessage(c *conversation, role, text string) (id string) {
	m := f.store.newMessage(role, Text(text))
	c.add(m)
	f.store.touch(c)
	return fmt.Sprint(m.ID)
}

func (f *Fake) mustFind(id string) *conversation {
	c := f.store.find(id)
	if c == nil {
		panic(fmt.Sprintf("chattest: there is no conversation %q", id))
	}
	return c
}

// heldByPerson reports whether a person has taken the conversation over or
// paused the assistant.
func (c *conversation) heldByPerson() bool { return c.Status == "taken_over" || c.Status == "paused" }
