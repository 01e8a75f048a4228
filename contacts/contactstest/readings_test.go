package contactstest_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/contacts/contactstest"
)

// reading returns a fake with one reading.
func reading(t *testing.T, options contactstest.Options, id, token string) *env {
	options.Readings = map[string]string{id: token}
	return inMemory(t, &options)
}

func TestReadings_UnknownIDOrToken(t *testing.T) {
	_, err := contactstest.New(&contactstest.Options{Readings: map[string]string{"upsert-batch": "some"}})
	assert.EqualError(t, err, `contactstest: Options.Readings["upsert-batch"]: unknown token "some" (use one of atomic, partial)`)
	_, err = contactstest.New(&contactstest.Options{Readings: map[string]string{"batch": "atomic"}})
	assert.ErrorContains(t, err, `contactstest: Options.Readings: unknown id "batch"`)
	assert.ErrorContains(t, err, "stream-error")
}

func TestReadings_UpsertAttributes(t *testing.T) {
	const first, second = `{"external_id":"a","custom_attributes":{"plan":"free","seats":1}}`, `{"external_id":"a","custom_attributes":{"plan":"pro","vip":true}}`
	for token, want := range map[string]string{"merge": `{"plan":"pro","seats":1,"vip":true}`, "replace": `{"plan":"pro","vip":true}`} {
		e := reading(t, contactstest.Options{Attributes: defined}, "upsert-attributes", token)
		assert.Equal(t, `{"plan":"free","seats":1}`, e.upsert(first))
		assert.Equal(t, want, e.upsert(second))
		assert.Equal(t, want, e.upsert(`{"external_id":"a"}`))
		assert.Equal(t, `{}`, e.upsert(`{"external_id":"a","custom_attributes":null}`))
		e.upsert(first)
		assert.Contains(t, string(e.ok("PATCH", contacts+"/a", `{"custom_attributes":{"vip":true}}`).Data), `"custom_attributes":{"vip":true}`, "an update replaces in either reading")
	}
	e := inMemory(t, &contactstest.Options{Attributes: defined})
	e.upsert(first)
	assert.Equal(t, `{"seats":1}`, e.upsert(`{"external_id":"a","custom_attributes":{"plan":null}}`))
}

func TestReadings_UpsertBatch(t *testing.T) {
	for token, want := range map[string][]string{"atomic": nil, "partial": {"a", "c"}} {
		e := reading(t, contactstest.Options{}, "upsert-batch", token)
		e.rejected(400, `{"message":"Invalid request data","issues":[{"field":"users[1].name","message":"must be a text or null"}]}`,
			"POST", contacts, `{"users":[{"external_id":"a"},{"external_id":"b","name":7},{"external_id":"c"}]}`)
		var saved []string
		for _, c := range e.fake.Contacts() {
			saved = append(saved, c.ExternalID)
		}
		assert.Equal(t, want, saved)
	}
}

func TestReadings_UnknownAttribute(t *testing.T) {
	const user = `{"external_id":"a","custom_attributes":{"plan":"free","Plan":"x"}}`
	e := reading(t, contactstest.Options{Attributes: defined}, "unknown-attribute", "dropped")
	assert.Equal(t, `{"plan":"free"}`, e.upsert(user))
	assert.Contains(t, string(e.ok("PATCH", contacts+"/a", `{"custom_attributes":{"Plan":"x"}}`).Data), `"custom_attributes":{}`)

	e = reading(t, contactstest.Options{Attributes: defined}, "unknown-attribute", "400")
	e.upsert(`{"external_id":"a","custom_attributes":{"plan":"free"}}`)
	const issue = `{"message":"Invalid request data","issues":[{"field":"%custom_attributes.Plan","message":"is not defined"}]}`
	e.rejected(400, replaced(issue, "users[0]."), "POST", contacts, `{"users":[`+user+`]}`)
	e.rejected(400, replaced(issue, ""), "PATCH", contacts+"/a", `{"custom_attributes":{"Plan":"x"}}`)
	e.rejected(400, replaced(issue, ""), "PATCH", contacts+"/a", `{"data":{"custom_attributes":{"Plan":null}}}`)
	assert.Equal(t, `"free"`, string(e.fake.Contacts()[0].CustomAttributes["plan"]))
	e.ok("POST", attributes, `{"name":"Plan"}`)
	assert.Equal(t, `{"Plan":"x","plan":"free"}`, e.upsert(user))
}

func TestReadings_ExternalIDCase(t *testing.T) {
	e := reading(t, contactstest.Options{}, "external-id-case", "exact")
	e.upsert(`{"external_id":"User_1"}`)
	e.upsert(`{"external_id":"user_1"}`)
	assert.Len(t, e.fake.Contacts(), 2)
	e.rejected(404, notFound, "GET", contacts+"/USER_1", "")

	e = reading(t, contactstest.Options{}, "external-id-case", "folded")
	e.ok("POST", contacts, `{"users":[{"external_id":"User_1","name":"Ada"},{"external_id":"USER_1","email":"ada@example.com"},{"external_id":"Bob"}]}`)
	require.Len(t, e.fake.Contacts(), 2)
	assert.Equal(t, "user_1", e.fake.Contacts()[0].ExternalID)
	assert.Contains(t, string(e.ok("GET", contacts+"/uSER_1", "").Data), `"external_id":"user_1","name":"Ada","email":"ada@example.com"`)
	assert.Contains(t, string(e.ok("GET", contacts, "").Data), `"external_id":"bob"`)
	e.rejected(409, `{"message":"The external id is taken"}`, "PATCH", contacts+"/User_1", `{"external_id":"BOB"}`)
	assert.Contains(t, string(e.ok("PATCH", contacts+"/User_1", `{"external_id":"User_2"}`).Data), `"external_id":"user_2"`)
	e.rejected(404, notFound, "GET", contacts+"/user_1", "")
	assert.Contains(t, string(e.ok("DELETE", contacts+"/USER_2", "").Data), `"external_id":"user_2"`)
	assert.Len(t, e.fake.Contacts(), 1)
}

func TestReadings_PerPageOutOfRange(t *testing.T) {
	for _, token := range []string{"clamped", "400"} {
		e := reading(t, contactstest.Options{}, "per-page-out-of-range", token)
		for query, clamped := range map[string]int{"0": 10, "9": 10, "-1": 10, "1001": 1000} {
			if token == "400" {
				e.rejected(400, `{"message":"Invalid request data","issues":[{"field":"per_page","message":"must be 10 to 1000"}]}`, "GET", contacts+"?per_page="+query, "")
				continue
			}
			_, text := e.do("GET", contacts+"?per_page="+query, "")
			assert.Contains(t, text, `"per_page":`+strconv.Itoa(clamped))
		}
		for _, query := range []string{"", "?per_page=10", "?per_page=1000", "?page=7"} {
			e.ok("GET", contacts+query, "")
		}
	}
}

func TestReadings_RateLimitReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where time begins at a whole second
		reset := time.Now().Add(10 * time.Second)
		for token, want := range map[string]int64{"epoch-seconds": reset.Unix(), "epoch-ms": reset.UnixMilli(), "seconds-left": 10} {
			e := reading(t, contactstest.Options{Window: true}, "rate-limit-reset", token)
			response, _ := e.do("GET", contacts, "")
			assert.Equal(t, strconv.FormatInt(want, 10), response.Header.Get("X-RateLimit-Reset"), token)
		}
	})
}

func TestReadings_V1Limit(t *testing.T) {
	for _, window := range []bool{true, false} {
		for _, token := range []string{"shared", "separate"} {
			counted := 0
			count := func(h http.Header) time.Duration {
				counted++
				h.Set("X-RateLimit-Remaining", "0")
				return 1500 * time.Millisecond
			}
			e := reading(t, contactstest.Options{Window: window, CountRequest: count}, "v1-limit", token)
			response, text := e.do("GET", contacts, "")
			switch {
			case token == "separate":
				assert.Equal(t, 200, response.StatusCode)
				assert.Zero(t, counted)
			case window:
				assert.Equal(t, 429, response.StatusCode)
				assert.Equal(t, `{"message":"Too many requests"}`, text)
				assert.Equal(t, "2", response.Header.Get("Retry-After"))
			default:
				assert.Equal(t, 200, response.StatusCode, "only counted")
			}
			if token == "shared" {
				assert.Equal(t, 1, counted)
				assert.Equal(t, "0", response.Header.Get("X-RateLimit-Remaining"))
			}
		}
	}
}

// replaced puts a path in the place of the % of an issue.
func replaced(issue, path string) string { return strings.Replace(issue, "%", path, 1) }
