package chatclient

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/chatident/chatident/internal/wire"
)

// AgentID is the number of an agent.
type AgentID int64

// ParseAgentID reads an agent's number as the dashboard shows it, with white
// space around it ignored. Anything else than a positive number is a
// *[FieldError].
func ParseAgentID(text string) (AgentID, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0, &FieldError{"agent", "must be a number"}
	}
	return AgentID(n), AgentID(n).check()
}

func (id AgentID) check() error {
	if id <= 0 {
		return &FieldError{"agent", "must be positive"}
	}
	return nil
}

// UserID is your own id of a customer, in the form that the service takes:
// 1 to 128 characters of a-z, A-Z, 0-9, dot, underscore and hyphen. "." and ".."
// are refused as well, since they would change the meaning of a path. It is
// checked again before it is sent, so a plain string may be converted to it.
//
// Source: Bookbag, API v2, "Send a message".
type UserID string

const maxID = 128

// ParseUserID returns s as a UserID, or a *[FieldError]. For customers whose
// only id is an e-mail address there is [DeriveUserID].
func ParseUserID(s string) (UserID, error) {
	id := UserID(s)
	return id, id.check("userID")
}

func (id UserID) check(field string) error {
	if len(id) == 0 || len(id) > maxID {
		return &FieldError{field, fmt.Sprintf("must have 1 to %d characters, has %d", maxID, len(id))}
	}
	for i := range len(id) {
		if !isUserIDByte(id[i]) {
			return &FieldError{field, fmt.Sprintf("must have only letters, digits, dot, underscore and hyphen: byte %d is another", i+1)}
		}
	}
	if id == "." || id == ".." {
		return &FieldError{field, "must not be . or .."}
	}
	return nil
}

func isUserIDByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}

// DeriveUserID makes a UserID of whatever your only id of a customer is, such
// as an e-mail address: "u_" and 52 characters of base32 of its HMAC-SHA256.
// The same secret and text give the same id for ever, and nobody without the
// secret can tell the text from the id. The text is taken as it is: fold the
// case of an address yourself if you do so elsewhere.
//
// The secret is one of your own, not the API key, of at least 32 bytes; a
// shorter one and an empty text are a *[FieldError].
func DeriveUserID(secret, text string) (UserID, error) {
	switch {
	case len(secret) < 32:
		return "", &FieldError{"secret", "must have at least 32 bytes"}
	case text == "":
		return "", &FieldError{"text", "must not be empty"}
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return UserID("u_" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(mac.Sum(nil)))), nil
}

// ConversationID names a conversation. The service documents it as an integer
// in requests and shows it as a string in answers, so it reads both, and is
// sent as an integer where it is one. Empty means none.
type ConversationID string

// UnmarshalJSON takes 456, "456" and "conv_123". Anything else means none.
func (id *ConversationID) UnmarshalJSON(b []byte) error {
	*id = ""
	var s string
	var n json.Number
	if json.Unmarshal(b, &s) == nil {
		*id = ConversationID(s)
	} else if json.Unmarshal(b, &n) == nil {
		*id = ConversationID(n)
	}
	return nil
}

// MarshalJSON gives an integer the form of one.
func (id ConversationID) MarshalJSON() ([]byte, error) {
	if n, err := strconv.ParseInt(string(id), 10, 64); err == nil && strconv.FormatInt(n, 10) == string(id) {
		return []byte(id), nil
	}
	return json.Marshal(string(id))
}

func (id ConversationID) check(field string) error {
	if broken := wire.ConversationID(string(id)); broken != "" {
		return &FieldError{field, broken}
	}
	return nil
}

func checkIssuedID(field, id string) error {
	if broken := wire.IssuedID(id); broken != "" {
		return &FieldError{field, broken}
	}
	return nil
}
