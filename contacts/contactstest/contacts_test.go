package contactstest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/contacts/contactstest"
)

var defined = []contactstest.Attribute{
	{Name: "plan"}, {Name: "seats", Type: "number"}, {Name: "vip", Type: "boolean"}, {Name: "since", Type: "date"}, {Name: "old", Archived: true},
}

const notFound, invalid = `{"message":"Resource not found"}`, `{"message":"Invalid request data"}`

func users(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,{"external_id":"user_%d"}`, i)
	}
	return `{"users":[` + strings.TrimPrefix(b.String(), ",") + `]}`
}

func TestUpsert_Limits(t *testing.T) {
	both(t, &contactstest.Options{Attributes: defined}, func(e *env) {
		e.rejected(400, invalid, "POST", contacts, `{"users":[]}`)
		e.rejected(400, invalid, "POST", contacts, `{}`)
		e.rejected(400, invalid, "POST", contacts, `{"users":{}}`)
		e.rejected(400, invalid, "POST", contacts, `not JSON`)
		e.rejected(400, `{"message":"Maximum 1000 contacts per request"}`, "POST", contacts, users(1001))
		assert.Empty(e, e.fake.Contacts())
		e.ok("POST", contacts, users(1000))
		assert.Len(e, e.fake.Contacts(), 1000)
		e.ok("POST", contacts, users(1000))
		assert.Len(e, e.fake.Contacts(), 1000, "the external id is the key")
		assert.Equal(e, "user_999", e.fake.Contacts()[999].ExternalID)
		e.ok("POST", contacts, `{"users":[{},{"name":"x"}]}`)
		assert.Equal(e, "generated_2", e.fake.Contacts()[1001].ExternalID)
	})
}

func TestUpsert_Fields(t *testing.T) {
	e := inMemory(t, &contactstest.Options{Attributes: defined})
	e.upsert(`{"external_id":"a","name":"Ada","email":"ada@example.com","phonenumber":"1","stripe_accounts":[{"label":"l","stripe_id":"cus_1"}],"custom_attributes":{"seats":9007199254740993},"unknown":1}`)
	a := e.ok("GET", contacts+"/a", "")
	now := e.fake.Contacts()[0].CreatedAt
	assert.JSONEq(t, fmt.Sprintf(`{"id":"contact_1","external_id":"a","name":"Ada","email":"ada@example.com","phonenumber":"1",
		"stripe_accounts":[{"label":"l","stripe_id":"cus_1"}],"custom_attributes":{"seats":9007199254740993},"created_at":%d,"updated_at":%d}`, now, e.fake.Contacts()[0].UpdatedAt), string(a.Data))
	assert.Contains(t, string(a.Data), "9007199254740993")
	e.upsert(`{"external_id":"a","name":null,"stripe_accounts":null}`)
	a = e.ok("GET", contacts+"/a", "")
	assert.Contains(t, string(a.Data), `"name":null,"email":"ada@example.com"`)
	assert.Contains(t, string(a.Data), `"stripe_accounts":[]`)
}

func TestUpsert_WrongFields(t *testing.T) {
	both(t, &contactstest.Options{Attributes: defined}, func(e *env) {
		for user, issue := range map[string]string{
			`7`:                                    `{"field":"users[1]","message":"must be an object"}`,
			`null`:                                 `{"field":"users[1]","message":"must be an object"}`,
			`{"external_id":""}`:                   `{"field":"users[1].external_id","message":"must be a text that is not empty"}`,
			`{"external_id":null}`:                 `{"field":"users[1].external_id","message":"must be a text that is not empty"}`,
			`{"external_id":7}`:                    `{"field":"users[1].external_id","message":"must be a text that is not empty"}`,
			`{"name":7}`:                           `{"field":"users[1].name","message":"must be a text or null"}`,
			`{"email":[]}`:                         `{"field":"users[1].email","message":"must be a text or null"}`,
			`{"stripe_accounts":[7]}`:              `{"field":"users[1].stripe_accounts","message":"must be an array of objects, or null"}`,
			`{"custom_attributes":[]}`:             `{"field":"users[1].custom_attributes","message":"must be an object or null"}`,
			`{"custom_attributes":{"old":"x"}}`:    `{"field":"users[1].custom_attributes.old","message":"is archived"}`,
			`{"custom_attributes":{"seats":"x"}}`:  `{"field":"users[1].custom_attributes.seats","message":"must be of type number"}`,
			`{"custom_attributes":{"plan":1}}`:     `{"field":"users[1].custom_attributes.plan","message":"must be of type text"}`,
			`{"custom_attributes":{"vip":"yes"}}`:  `{"field":"users[1].custom_attributes.vip","message":"must be of type boolean"}`,
			`{"custom_attributes":{"since":"x"}}`:  `{"field":"users[1].custom_attributes.since","message":"must be of type date"}`,
			`{"custom_attributes":{"since":true}}`: `{"field":"users[1].custom_attributes.since","message":"must be of type date"}`,
		} {
			e.rejected(400, `{"message":"Invalid request data","issues":[`+issue+`]}`, "POST", contacts, `{"users":[{"external_id":"a"},`+user+`]}`)
		}
		assert.Empty(e, e.fake.Contacts(), "all or nothing")
	})
	e := inMemory(t, &contactstest.Options{Attributes: defined})
	const good = `{"plan":"x","seats":0.5,"since":"2026-01-02T03:04:05Z","vip":false}`
	assert.Equal(t, good, e.upsert(`{"external_id":"a","custom_attributes":`+good+`}`))
	assert.Equal(t, `{"since":1}`, e.upsert(`{"external_id":"b","custom_attributes":{"since":1,"unknown":"x","Plan":"x"}}`), "values of unknown attributes are dropped")
}

func TestList_Pages(t *testing.T) {
	both(t, nil, func(e *env) {
		e.ok("POST", contacts, users(1000))
		e.ok("POST", contacts, strings.ReplaceAll(users(5), "user_", "other_"))
		for query, want := range map[string]string{
			"":                              "1 100 11 100",
			"?per_page=9":                   "1 10 101 10",
			"?per_page=-5&page=-5":          "1 10 101 10",
			"?per_page=10&page=101":         "101 10 101 5",
			"?per_page=10&page=102":         "102 10 101 0",
			"?per_page=1001":                "1 1000 2 1000",
			"?per_page=1000&page=2":         "2 1000 2 5",
			"?per_page=x&page=y":            "1 100 11 100",
			"?page=9223372036854775807":     "9223372036854775807 100 11 0",
			"?page=9223372036854775808":     "1 100 11 100",
			"?per_page=9223372036854775807": "1 1000 2 1000",
		} {
			_, text := e.do("GET", contacts+query, "")
			var page, perPage, totalPages int
			i := strings.Index(text, `"total":`)
			_, err := fmt.Sscanf(text[i:], `"total":1005,"pages":{"page":%d,"per_page":%d,"total_pages":%d}}`, &page, &perPage, &totalPages)
			require.NoError(e, err, text[i:])
			assert.Equal(e, want, fmt.Sprint(page, perPage, totalPages, strings.Count(text, `"external_id"`)), query)
		}
	})
	e := inMemory(t, nil)
	_, text := e.do("GET", contacts, "")
	assert.Equal(t, `{"message":"Contacts found","data":[],"total":0,"pages":{"page":1,"per_page":100,"total_pages":0}}`, text)
}

func TestUpdate_Fields(t *testing.T) {
	both(t, &contactstest.Options{Attributes: defined}, func(e *env) {
		e.upsert(`{"external_id":"a","email":"a@example.com","custom_attributes":{"plan":"free","seats":1}}`)
		e.upsert(`{"external_id":"b/c","email":"b@example.com"}`)
		e.rejected(404, notFound, "PATCH", contacts+"/nobody", `{"name":"x"}`)
		e.rejected(400, invalid, "PATCH", contacts+"/a", `[]`)
		e.rejected(400, invalid, "PATCH", contacts+"/a", `{"data":7}`)
		e.rejected(400, `{"message":"Invalid request data","issues":[{"field":"external_id","message":"must be a text that is not empty"}]}`, "PATCH", contacts+"/a", `{"external_id":null}`)
		e.rejected(409, `{"message":"The external id is taken"}`, "PATCH", contacts+"/a", `{"external_id":"b/c"}`)
		e.rejected(409, `{"message":"The e-mail address is taken"}`, "PATCH", contacts+"/a", `{"data":{"email":"b@example.com"}}`)
		for _, body := range []string{`{"name":"x","custom_attributes":{"vip":true}}`, `{"data":{"name":"x","custom_attributes":{"vip":true}}}`} {
			a := e.ok("PATCH", contacts+"/a", body)
			assert.Contains(e, string(a.Data), `"name":"x","email":"a@example.com"`)
			assert.Contains(e, string(a.Data), `"custom_attributes":{"vip":true}`, "replaced whole")
		}
		e.ok("PATCH", contacts+"/a", `{"external_id":"a","email":"a@example.com"}`)
		e.ok("PATCH", contacts+"/b%2Fc", `{"external_id":"d","email":null}`)
		e.rejected(404, notFound, "GET", contacts+"/b%2Fc", "")
		assert.Contains(e, string(e.ok("GET", contacts+"/d", "").Data), `"email":null`)
		assert.Len(e, e.fake.Contacts(), 2)
	})
}

func TestDelete_Contact(t *testing.T) {
	both(t, nil, func(e *env) {
		e.ok("POST", contacts, users(3))
		a := e.ok("DELETE", contacts+"/user_1", "")
		assert.Contains(e, string(a.Data), `"external_id":"user_1"`, "the record is echoed")
		e.rejected(404, notFound, "DELETE", contacts+"/user_1", "")
		assert.Len(e, e.fake.Contacts(), 2)
		e.ok("POST", contacts, users(3))
		assert.Equal(e, "contact_4", e.fake.Contacts()[2].ID, "made anew")
	})
}

func TestAttributes_Definitions(t *testing.T) {
	both(t, nil, func(e *env) {
		for _, name := range []string{"", "1a", "_a", "a b", "a.b", `a\n`, "ü"} {
			e.rejected(400, `{"message":"Invalid request data","issues":[{"field":"name","message":"must begin with a letter, then letters, digits, _ and -"}]}`,
				"POST", attributes, `{"name":"`+name+`"}`)
		}
		e.rejected(400, `{"message":"Invalid request data","issues":[{"field":"type","message":"must be text, number, boolean or date"},{"field":"label","message":"must be a text or null"},{"field":"description","message":"must be a text or null"},{"field":"archived","message":"must be true or false"}]}`,
			"POST", attributes, `{"name":"a","type":7,"label":1,"description":[],"archived":"no"}`)
		e.ok("POST", attributes, `{"name":"plan"}`)
		e.ok("POST", attributes, `{"name":"n-1_X","type":"number","label":"N","description":"D","archived":true}`)
		e.rejected(409, `{"message":"The name is taken"}`, "POST", attributes, `{"name":"plan","type":"date"}`)
		e.rejected(404, notFound, "PUT", attributes+"/nope", `{"label":"x"}`)
		e.rejected(400, invalid, "PUT", attributes+"/plan", `[]`)
		e.rejected(400, `{"message":"Invalid request data","issues":[{"field":"archived","message":"must be true or false"}]}`, "PUT", attributes+"/plan", `{"label":"lost","archived":null}`)
		e.ok("PUT", attributes+"/plan", `{"label":"Plan","archived":true,"type":"number","name":"x"}`)
		e.ok("PUT", attributes+"/n-1_X", `{"label":null,"archived":false}`)
		want := []contactstest.Attribute{{Name: "plan", Type: "text", Label: "Plan", Archived: true}, {Name: "n-1_X", Type: "number", Description: "D"}}
		assert.Equal(e, want, e.fake.Attributes())
		assert.JSONEq(e, `[{"name":"plan","type":"text","label":"Plan","description":"","archived":true},{"name":"n-1_X","type":"number","label":"","description":"D","archived":false}]`,
			string(e.ok("GET", attributes, "").Data))
	})
	assert.Equal(t, `[]`, string(inMemory(t, nil).ok("GET", attributes, "").Data))
}

func TestOptions_KeyAndAgent(t *testing.T) {
	both(t, &contactstest.Options{ForeignAgentID: 124}, func(e *env) {
		e.rejected(403, `{"message":"The API key is not for this agent"}`, "GET", "/api/v1/chatbots/124/contacts", "")
		e.rejected(404, notFound, "GET", "/api/v1/chatbots/125/contacts", "")
		e.rejected(404, notFound, "GET", "/api/v2/health", "")
		e.rejected(404, notFound, "DELETE", contacts, "")
		for _, wrong := range []string{"", "Bearer", "Bearer oc_test_other", "Basic " + key} {
			e.key = wrong
			e.rejected(401, `{"message":"The API key is missing or not valid"}`, "GET", contacts, "")
		}
	})
	e := inMemory(t, &contactstest.Options{APIKey: "oc_test_mine", AgentID: 7})
	e.key = "bearer oc_test_mine"
	e.ok("GET", "/api/v1/chatbots/7/contacts", "")
}

// What was returned does not change any more.
func TestContacts_AreCopies(t *testing.T) {
	e := inMemory(t, &contactstest.Options{Attributes: defined})
	e.upsert(`{"external_id":"a","name":"Ada","stripe_accounts":[{"a":1}],"custom_attributes":{"plan":"free"}}`)
	before := e.fake.Contacts()[0]
	e.upsert(`{"external_id":"a","name":"Bob","stripe_accounts":[{"b":2}],"custom_attributes":{"plan":"paid"}}`)
	assert.Equal(t, "Ada", *before.Name)
	assert.Equal(t, `{"a":1}`, string(before.StripeAccounts[0]))
	assert.Equal(t, `"free"`, string(before.CustomAttributes["plan"]))
}

// A demo mounts the fake below another path.
func TestFake_Mounted(t *testing.T) {
	h := http.StripPrefix("/bookbag", inMemory(t, nil).fake)
	r := httptest.NewRequest("POST", "/bookbag"+contacts, strings.NewReader(users(1)))
	r.Header.Set("Authorization", "Bearer "+key)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	assert.Equal(t, 200, w.Code)
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/bookbag"+contacts, strings.NewReader(strings.Repeat("x", 16<<20+1))))
	assert.Equal(t, 413, w.Code)
	assert.Equal(t, `{"message":"The request is too large"}`, w.Body.String())
}
