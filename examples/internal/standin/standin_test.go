package standin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chatident/chatident/hmachash"
	"github.com/chatident/chatident/identity"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	testKey    = "000102030405060708090a0b0c0d0e0f"
	testSecret = "the secret key of the tests"
)

func identify(t *testing.T, vendor http.Handler, path, visitor, claim string) Result {
	t.Helper()
	w := httptest.NewRecorder()
	body := fmt.Sprintf(`{"visitor":%q,"claim":%s}`, visitor, claim)
	vendor.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)))
	require.Equal(t, 200, w.Code, w.Body)
	assert.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"))
	var a Result
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &a))
	return a
}

func mint(t *testing.T, keyHex string, o *identity.Options) string {
	t.Helper()
	key, err := identity.ParseKey(keyHex)
	require.NoError(t, err)
	m, err := identity.NewMinter(key, o)
	require.NoError(t, err)
	token, err := m.Mint(identity.Payload{User: identity.UserDetail{ID: "1", Extra: map[string]any{"since": "2024"}}})
	require.NoError(t, err)
	return token
}

func TestMegadesk(t *testing.T) {
	m, err := NewMegadesk(testKey)
	require.NoError(t, err)
	send := func(visitor, token string) Result {
		claim := `{"identity":null}`
		if token != "" {
			claim = fmt.Sprintf(`{"identity":%q}`, token)
		}
		return identify(t, m, "/megadesk/identify", visitor, claim)
	}
	known := []Field{{"userDetail.id", "1", true}, {"userDetail.since", "2024", true}}
	good := mint(t, testKey, nil)
	result := send("v1", good)
	assert.True(t, result.Accepted)
	assert.Equal(t, known, result.Known)

	past := func() time.Time { return time.Now().Add(-2 * time.Hour) }
	for name, token := range map[string]string{
		"another key": mint(t, strings.Repeat("ab", 16), nil),
		"expired":     mint(t, testKey, &identity.Options{Clock: past}),
		"changed":     good[:len(good)-1] + "!",
		"nonsense":    "x",
	} {
		result := send("v1", token)
		assert.False(t, result.Accepted, name)
		assert.Contains(t, result.Reason, "Rejected", name)
		assert.Equal(t, known, result.Known, "a rejection changes nothing")
	}
	assert.Empty(t, send("v2", "x").Known, "another visitor")
	assert.Len(t, m.Known(), 1)
	result = send("v1", "")
	assert.True(t, result.Accepted)
	assert.Empty(t, result.Known)
	assert.Empty(t, m.Known())
}

func TestAinisa(t *testing.T) {
	a := NewAinisa(testSecret, CustomAction{})
	h, err := hmachash.New(testSecret, nil)
	require.NoError(t, err)
	hash, err := h.Hash("1")
	require.NoError(t, err)
	send := func(id, hash, email string) Result {
		return identify(t, a, "/ainisa/identify", "v1", fmt.Sprintf(`{"user_id":%q,"user_hash":%q,"email":%q}`, id, hash, email))
	}
	known := []Field{{"user_id", "1", true}, {"email", "a@example.com", false}}
	result := send("1", hash, "a@example.com")
	assert.True(t, result.Accepted)
	assert.Equal(t, known, result.Known)
	for name, wrong := range map[string]string{
		"empty": "", "zeros": strings.Repeat("0", 64), "half valid": hash[:32] + strings.Repeat("0", 32), "upper case": strings.ToUpper(hash),
	} {
		result := send("1", wrong, "b@example.com")
		assert.False(t, result.Accepted, name)
		assert.Equal(t, known, result.Known, "a rejection changes nothing")
	}
	assert.False(t, send("2", hash, "").Accepted)
	assert.True(t, identify(t, a, "/ainisa/identify", "v1", "null").Accepted)
	assert.Empty(t, a.Known())
}

func TestVendor_Bounds(t *testing.T) {
	a := NewAinisa(testSecret, CustomAction{})
	for name, body := range map[string]string{
		"no JSON":         "x",
		"no visitor":      `{"claim":null}`,
		"a long visitor":  `{"visitor":"` + strings.Repeat("v", 65) + `","claim":null}`,
		"a long body":     `{"visitor":"v","claim":{"email":"` + strings.Repeat("x", maxBody) + `"}}`,
		"another type":    `{"visitor":"v","claim":5}`,
		"nothing at all":  "",
		"an array":        "[]",
		"a wrong visitor": `{"visitor":5}`,
	} {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequest("POST", "/ainisa/identify", strings.NewReader(body)))
		assert.Equal(t, 400, w.Code, name)
	}
	for i := range maxVisitors + 10 {
		a.store(fmt.Sprint(i), claim{fields: []Field{{"user_id", "1", true}}})
		a.record(httptest.NewRequest("GET", "/", nil))
	}
	assert.LessOrEqual(t, len(a.Known()), maxVisitors)
	assert.Len(t, a.Arrivals(), maxVisitors)
}
