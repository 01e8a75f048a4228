package chatproxy

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/chatident/chatident/chatclient"
)

// owner is the user and the conversation that a response of the service must belong to. A response
// that names neither belongs to it.
type owner struct {
	user         chatclient.UserID
	conversation chatclient.ConversationID // "" before the id of a new one is known
}

// owns reports whether something with these ids belongs to o. An id that is "" does.
func (o owner) owns(user chatclient.UserID, conversation chatclient.ConversationID) bool {
	return (user == "" || user == o.user) && (conversation == "" || conversation == o.conversation)
}

// checkEvent returns ErrForeignConversation if an event with metadata or a tool call names another
// user or conversation. It checks all ids of the event, because Event.Metadata has only the last one.
// The id of a new conversation becomes o's.
func (o *owner) checkEvent(e chatclient.Event) error {
	if e.Metadata == nil && e.ToolCall == nil {
		return nil
	}
	owned := true
	check := func(name string, value json.RawMessage) { owned = o.ownsMember(name, value) && owned }
	members(e.Raw, func(name string, value json.RawMessage) {
		check(name, value)
		if name := strings.ToLower(name); name == "metadata" || name == "messagemetadata" {
			members(value, check)
		}
	})
	if !owned {
		return ErrForeignConversation
	}
	return nil
}

// ownsMember reports whether a member belongs to o. An id of an unexpected type does not.
func (o *owner) ownsMember(name string, value json.RawMessage) bool {
	switch strings.ToLower(name) { // encoding/json ignores case
	case "userid":
		var id chatclient.UserID
		_ = json.Unmarshal(value, &id)
		return o.owns(id, "")
	case "conversationid":
		var id chatclient.ConversationID
		_ = json.Unmarshal(value, &id)
		if id == "" && string(value) != "null" && string(value) != `""` {
			id = chatclient.ConversationID(value)
		}
		o.conversation = cmp.Or(o.conversation, id)
		return o.owns("", id)
	}
	return true
}
