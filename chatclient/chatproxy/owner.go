package chatproxy

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/chatident/chatident/chatclient"
)

// owner is the user and the conversation that the service's response must belong to. What
// a response does not name belongs to it.
type owner struct {
	user         chatclient.UserID
	conversation chatclient.ConversationID // "" before the id of a new one is known
}

// owns reports whether something with these ids, "" for none, belongs to o.
func (o owner) owns(user chatclient.UserID, conversation chatclient.ConversationID) bool {
	return (user == "" || user == o.user) && (conversation == "" || conversation == o.conversation)
}

// checkEvent returns ErrForeignConversation if an event with metadata or a tool call names
// another user or conversation, beside its type or in its metadata: the client keeps only the
// last of several ids. The id of a new conversation becomes o's.
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

// ownsMember reports whether a member that may name an owner belongs to o. One of another
// type is an id that nobody has.
func (o *owner) ownsMember(name string, value json.RawMessage) bool {
	switch strings.ToLower(name) { // encoding/json ignores case, too
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
