package contacts_test

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chatident/chatident/contacts"
)

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// echoing is a service that has saved everything.
func echoing(r *http.Request) (*http.Response, error) {
	const key = `"external_id":`
	body, _ := io.ReadAll(r.Body)
	response := []byte(`{"message":"Contacts saved","data":[`)
	for i, rest := range bytes.Split(body, []byte(key))[1:] {
		if i > 0 {
			response = append(response, ',')
		}
		id, _, _ := bytes.Cut(rest, []byte(","))
		response = append(append(append(response, `{`+key...), id...), `,"name":"Ada Lovelace"}`...)
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(append(response, "]}"...)))}, nil
}

// BenchmarkSync is what a row costs beside the network.
func BenchmarkSync(b *testing.B) {
	c, err := contacts.New(key, agent, &contacts.Options{HTTPClient: &http.Client{Transport: transportFunc(echoing)}, Limiter: unlimited{}})
	require.NoError(b, err)
	b.ReportAllocs()
	report, err := c.Sync(b.Context(), func(yield func(contacts.Row, error) bool) {
		for i := range b.N {
			id := "user_" + strconv.Itoa(i)
			in := contacts.Fields{
				ExternalID:       contacts.Set(id),
				Name:             contacts.Set("Ada Lovelace"),
				Email:            contacts.Set("ada@example.com"),
				CustomAttributes: contacts.Set(contacts.Values{"plan": "pro", "orders": i}),
			}
			if !yield(contacts.Row{Fields: in, Cursor: id}, nil) {
				return
			}
		}
	}, nil)
	require.NoError(b, err)
	require.Equal(b, b.N, report.Acknowledged)
}

// BenchmarkPage is what a page of 1,000 contacts costs beside the network.
func BenchmarkPage(b *testing.B) {
	body := []byte(`{"message":"Success","data":[`)
	for i := range 1000 {
		if i > 0 {
			body = append(body, ',')
		}
		n := strconv.Itoa(i)
		body = append(body, `{"id":"contact_`+n+`","external_id":"user_`+n+`","name":"Ada Lovelace","email":"ada.`+n+
			`@example.com","phonenumber":null,"stripe_accounts":[],"custom_attributes":{"plan":"pro","orders":`+n+
			`,"vip":true},"created_at":1754000000,"updated_at":1754000000}`...)
	}
	body = append(body, `],"total":1000,"pages":{"page":1,"per_page":1000,"total_pages":1}}`...)
	c, err := contacts.New(key, agent, &contacts.Options{HTTPClient: &http.Client{Transport: transportFunc(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}, nil
	})}})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		page, err := c.Page(b.Context(), contacts.PageRequest{PerPage: 1000})
		if err != nil || len(page.Contacts) != 1000 || page.Contacts[999].CustomAttributes["vip"] != true {
			b.Fatal(len(page.Contacts), err)
		}
	}
}
