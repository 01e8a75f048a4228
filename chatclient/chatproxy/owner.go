package chatproxy

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strings"

	"github.com/chatident/chatident/chatclient"
)

// owner is whom and what the service's response must belong to. What a response does not
// name belongs to it.
type owner struct {
	user         chatclient.UserID
	conversation chatclient.ConversationID // "" before the id of a new one is known
}

// owns reports whether something with these ids, "" where there is none, belongs to o.
func (o owner) owns(user chatclient.UserID, conversation chatclient.ConversationID) bool {
	return (user == "" || user == o.user) && (conversation == "" || conversation == o.conversation)
}

// checkEvent returns ErrForeignConversation if an event names another user or
// conversation, beside its type or in its metadata: the client keeps only the last of
// several ids. The id of a new conversation becomes o's.
func (o *owner) checkEvent(e chatclient.Event) error {
	if e.Metadata == nil {
		return nil
	}
	for name, value := range members(bytes.TrimSpace(e.Raw)) {
		err := o.checkMember(name, value)
		if name := strings.ToLower(name); name == "metadata" || name == "messagemetadata" {
			for name, value := range members(value) {
				err = cmp.Or(err, o.checkMember(name, value))
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *owner) checkMember(name string, value json.RawMessage) error {
	switch strings.ToLower(name) { // encoding/json ignores case, too
	case "userid":
		var id chatclient.UserID
		_ = json.Unmarshal(value, &id) // of another type: an id that nobody has
		if !o.owns(id, "") {
			return ErrForeignConversation
		}
	case "conversationid":
		return o.checkConversation(value)
	}
	return nil
}

func (o *owner) checkConversation(value json.RawMessage) error {
	var id chatclient.ConversationID
	_ = json.Unmarshal(value, &id)
	if id == "" && string(value) != "null" && string(value) != `""` {
		id = chatclient.ConversationID(value) // of another type: an id that no conversation has
	}
	if o.conversation == "" {
		o.conversation = id
	}
	if !o.owns("", id) {
		return ErrForeignConversation
	}
	return nil
}
