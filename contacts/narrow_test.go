package contacts

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestIssue_ItemOfField(t *testing.T) {
	for field, want := range map[string]int{
		"users[3].email": 3, "users.3.email": 3, "/users/3/email": 3, "3.email": 3, "[3].email": 3, "users[12]": 12, "$.users[0].email": 0, "0": 0,
		"": -1, "email": -1, "users": -1, "users[].email": -1, "users[-1].email": -1, "users[99999999999].email": -1,
		"custom_attributes.plan2": -1, "custom_attributes.3": -1, "users3": 3, "3rd": -1,
	} {
		n, _, ok := cutItem(field)
		if !ok {
			n = -1
		}
		assert.Equal(t, want, n, field)
	}
}

// Whatever the service writes, it names items, and each issue is about a field.
func FuzzItems(f *testing.F) {
	f.Add("users[3].email", "/users/0/name")
	f.Add("", "99999999999999999999")
	f.Fuzz(func(t *testing.T, a, b string) {
		details, err := json.Marshal([]map[string]string{{"field": a}, {"field": b}})
		require.NoError(t, err)
		e := &Error{Details: details}
		assert.LessOrEqual(t, len(e.items()), 2)
		e.isOfRow = true
		assert.Len(t, e.Issues(), 2)
	})
}
