package contactstest_test

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/contacts/contactstest"
)

func TestScript_Faults(t *testing.T) {
	for name, test := range map[string]struct {
		fault  contactstest.Fault
		status int // 0 for none
		body   string
		held   int
	}{
		"Pass":        {contactstest.Pass(), 200, "", 2},
		"Status":      {contactstest.Status(409, "Taken"), 409, `{"message":"Taken"}`, 0},
		"BadGateway":  {contactstest.BadGateway(), 502, "", 0},
		"Drop":        {contactstest.Drop(), 0, "", 0},
		"DropAfter":   {contactstest.DropAfter(), 0, "", 2},
		"FailAfter":   {contactstest.FailAfter(), 500, `{"message":"Internal server error"}`, 2},
		"Echo(0)":     {contactstest.Echo(0), 200, `{"data":[],"message":"Contacts saved"}`, 2},
		"Echo(9)":     {contactstest.Echo(9), 200, "", 2},
		"TooLarge(1)": {contactstest.TooLarge(1), 413, `{"message":"The request is too large"}`, 0},
		"TooLarge(2)": {contactstest.TooLarge(2), 200, "", 2},
		"Slow":        {contactstest.Slow(time.Millisecond), 200, "", 2},
		"composed": {func(normal http.Handler) http.Handler {
			return contactstest.Slow(time.Millisecond)(contactstest.FailAfter()(normal))
		}, 500, "", 2},
		"Respond":       {contactstest.Respond(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }), 200, users(2), 0},
		"one of others": {contactstest.TooLarge(0).RetryAfter(1500 * time.Millisecond), 413, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, nil, func(e *env) {
				e.fake.Script(test.fault)
				response, err := e.send("POST", contacts, users(2))
				if test.status == 0 {
					require.ErrorIs(e, err, io.EOF)
				} else {
					require.NoError(e, err)
					text, err := io.ReadAll(response.Body)
					require.NoError(e, err)
					require.NoError(e, response.Body.Close())
					assert.Equal(e, test.status, response.StatusCode)
					if test.body != "" {
						assert.Equal(e, test.body, string(text))
					}
					if name == "one of others" {
						assert.Equal(e, "2", response.Header.Get("Retry-After"))
					}
				}
				assert.Len(e, e.fake.Contacts(), test.held)
				e.ok("GET", contacts, "") // afterwards all is normal
				requests := e.fake.Requests()
				require.Len(e, requests, 2)
				assert.Equal(e, users(2), string(requests[0].Body))
			})
		})
	}
}

// A fault that has nothing to do with a request leaves it alone.
func TestScript_FaultsOfOtherRequests(t *testing.T) {
	e := inMemory(t, nil)
	e.ok("POST", contacts, users(3))
	e.fake.Script(contactstest.TooLarge(0), contactstest.Echo(2), contactstest.Echo(0), contactstest.Echo(0))
	e.ok("GET", contacts, "")
	assert.Equal(t, 3, e.ok("GET", contacts, "").Total, "what is beside the data stays")
	e.ok("GET", attributes, "")
	e.rejected(404, notFound, "GET", contacts+"/nobody", "")
}

func TestOptions_Window(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := inMemory(t, &contactstest.Options{Window: true})
		for range 100 {
			e.ok("GET", contacts, "")
		}
		response, text := e.do("GET", contacts, "")
		assert.Equal(t, 429, response.StatusCode)
		assert.Equal(t, `{"message":"Too many requests"}`, text)
		assert.Equal(t, "10", response.Header.Get("Retry-After"))
		assert.Equal(t, "0", response.Header.Get("X-RateLimit-Remaining"))
		time.Sleep(10 * time.Second)
		response, _ = e.do("GET", contacts, "")
		assert.Equal(t, 200, response.StatusCode)
		assert.Equal(t, "99", response.Header.Get("X-RateLimit-Remaining"))
	})
	e := inMemory(t, nil)
	for range 150 {
		response, _ := e.do("GET", contacts, "")
		require.Equal(t, 200, response.StatusCode)
		require.Empty(t, response.Header.Get("X-RateLimit-Limit"), "nobody documents one")
	}
}

// The bubble's end would hang or panic if a goroutine stayed.
func TestFake_Close(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := inMemory(t, nil)
		e.fake.Script(contactstest.Slow(time.Hour))
		failed := make(chan error)
		go func() {
			_, err := e.send("GET", contacts, "")
			failed <- err
		}()
		synctest.Wait()
		e.fake.Close()
		require.Error(t, <-failed)
	})
	e := onLoopback(t, nil)
	server := e.fake.Start()
	server.Close()
	server.Close()
	e.ok("GET", contacts, "")
}
