package contacts_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chatident/chatident/contacts"
	"github.com/chatident/chatident/contacts/contactstest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// deletedCustomers is the table of those who are being deleted.
type deletedCustomers struct {
	mu  sync.Mutex
	ids []string
}

func (d *deletedCustomers) commit(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ids = append(d.ids, id)
}

func (d *deletedCustomers) among(_ context.Context, ids []string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !slices.Contains(d.ids, id) }), nil
}

// A deletion is committed while the upsert is held inside the service. That call
// writes the customer, and no call that begins after it does: neither the
// repetitions of the first one nor its parts.
func TestSync_WithdrawnWhileACallIsHeld(t *testing.T) {
	for name, fault := range map[string]contactstest.Fault{
		"rejected":     contactstest.Status(400, "Bad"),
		"lost":         contactstest.FailAfter(),
		"cut":          contactstest.DropAfter(),
		"limited":      contactstest.Status(429, "Slow down"),
		"too large":    contactstest.Status(413, "Too large"),
		"half of them": contactstest.Echo(3),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, fake := newFakeClient(t, nil, nil)
				var deleted deletedCustomers
				fake.Script(func(normal http.Handler) http.Handler {
					return contactstest.Fault(func(normal http.Handler) http.Handler {
						return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
							deleted.commit("user_0005")
							time.Sleep(time.Second)
							fault(normal).ServeHTTP(w, r)
						})
					})(normal)
				})
				report, err := c.Sync(t.Context(), source(newTestRows(10)), &contacts.SyncOptions{Withdrawn: deleted.among})
				require.NoError(t, err)
				assertReport(t, contacts.Report{Read: 10, Acknowledged: 9, Withdrawn: 1, Cursor: "9"}, report)
				assert.True(t, report.Complete())
				for i, r := range fake.Requests() {
					assert.Equal(t, i == 0, strings.Contains(string(r.Body), "user_0005"), "request %d", i)
				}
				assert.Greater(t, len(fake.Requests()), 1)
			})
		})
	}
}

// Withdrawn is called right before a call: what is deleted while the call waits for
// its turn is not written.
func TestSync_WithdrawnWhileACallWaits(t *testing.T) {
	for _, limited := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var deleted deletedCustomers
			c, fake := newFakeClient(t, nil, func(o *contacts.Options) {
				o.Limiter = nil
				if limited {
					o.Limiter = slowLimiter{}
				}
			})
			asked := 0
			time.AfterFunc(9*time.Second, func() { deleted.commit("user_0000"); deleted.commit("user_0089") })
			report, err := c.Sync(t.Context(), source(newTestRows(90)), &contacts.SyncOptions{BatchSize: 1, Workers: 1, Withdrawn: func(ctx context.Context, ids []string) ([]string, error) {
				asked++
				return deleted.among(ctx, ids)
			}})
			require.NoError(t, err)
			assert.Equal(t, 90, asked, "once for each call")
			assert.Equal(t, 1, report.Withdrawn)
			assert.Contains(t, externalIDs(fake), "user_0000")
			assert.NotContains(t, externalIDs(fake), "user_0089")
		})
	}
}

// slowLimiter lets one call through every half second.
type slowLimiter struct{}

func (slowLimiter) Wait(context.Context) error { time.Sleep(500 * time.Millisecond); return nil }

func TestSync_WithdrawnFails(t *testing.T) {
	gone := errors.New("the database is gone")
	c, fake := newLoopbackClient(t, nil, nil)
	report, err := c.Sync(t.Context(), source(newTestRows(30)), &contacts.SyncOptions{BatchSize: 10, Workers: 1, Withdrawn: func(_ context.Context, ids []string) ([]string, error) {
		if ids[0] == "user_0010" {
			return nil, gone
		}
		return nil, nil
	}})
	assert.Equal(t, gone, err)
	assert.Equal(t, 10, report.Acknowledged)
	assert.Equal(t, "9", report.Cursor)
	assert.Len(t, fake.Contacts(), 10)

	all := func(_ context.Context, ids []string) ([]string, error) { return ids, nil }
	before := len(fake.Requests())
	report, err = c.Sync(t.Context(), source(newTestRows(30)), &contacts.SyncOptions{Withdrawn: all})
	require.NoError(t, err)
	assertReport(t, contacts.Report{Read: 30, Withdrawn: 30, Cursor: "29"}, report)
	assert.Len(t, fake.Requests(), before, "nothing is left to send")
	assert.Len(t, fake.Contacts(), 10)
}

// The service may keep ids in lower case: a row is found, and two rows whose ids
// differ in case only are never in two calls at once.
func TestSync_LetterCase(t *testing.T) {
	ids := []string{"User_1", "user_1", "USER_1", "ÄÖ", "äö", "Kelvin", "\u212aelvin", "ſ", "S", "ΣΑΣ", "σας", "User_2"}
	for _, reading := range []string{"exact", "folded"} {
		c, fake := newLoopbackClient(t, &contactstest.Options{Readings: map[string]string{"external-id-case": reading}}, nil)
		var rows []contacts.Row
		for i, id := range ids {
			rows = append(rows, contacts.Row{Fields: newTestFields(id, fmt.Sprint(i)), Cursor: fmt.Sprint(i)})
		}
		for _, size := range []int{1, 1000} {
			report, err := c.Sync(t.Context(), source(rows), &contacts.SyncOptions{BatchSize: size})
			require.NoError(t, err, reading)
			assertReport(t, contacts.Report{Read: len(ids), Acknowledged: len(ids), Cursor: "11"}, report)
		}
		for _, id := range ids {
			contact, err := c.Get(t.Context(), id)
			require.NoError(t, err, id)
			assert.True(t, contact.ExternalID == id || reading == "folded", id)
		}
		for _, contact := range fake.Contacts() {
			_, err := c.Delete(t.Context(), contact.ExternalID)
			require.NoError(t, err)
		}
		assert.Empty(t, fake.Contacts())
	}
}

// A response without a row, which names it in its errors, says why.
func TestSync_ReasonBesideASuccess(t *testing.T) {
	for name, list := range map[string]string{
		"field":       `[{"field":"users[%d].email","message":"is a role address"}]`,
		"external id": `[{"external_id":"user_0003","error":"is a role address"}]`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, fake := newFakeClient(t, nil, nil)
				fake.Script(upsertsOf(func(w http.ResponseWriter, _ *http.Request, names []string) bool {
					n := slices.Index(names, "3")
					if n < 0 {
						return false
					}
					var data []string
					for _, name := range names {
						if name != "3" {
							data = append(data, fmt.Sprintf(`{"external_id":"user_%04s"}`, name))
						}
					}
					_, _ = fmt.Fprintf(w, `{"message":"Saved","errors":%s,"data":[%s]}`, strings.Replace(list, "%d", fmt.Sprint(n), 1), strings.Join(data, ","))
					return true
				})...)
				var failures []contacts.Failure
				report, err := c.Sync(t.Context(), source(newTestRows(10)), &contacts.SyncOptions{OnFailure: func(_ context.Context, f contacts.Failure) error {
					failures = append(failures, f)
					return nil
				}})
				require.ErrorIs(t, err, contacts.ErrRowsFailed)
				assertReport(t, contacts.Report{Read: 10, Acknowledged: 9, Unknown: 1, Failures: failures, Cursor: "9"}, report)
				require.Len(t, failures, 1)
				assert.Contains(t, failures[0].Reason(), "is a role address")
				assert.NotContains(t, failures[0].Reason(), "users[")
			})
		})
	}
}

// The text of the error says how long the service asks to wait, and MaxOutage is how
// long that may be.
func TestSync_MaxOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, fake := newFakeClient(t, nil, nil)
		fake.Script(contactstest.Status(429, "Slow down").RetryAfter(time.Minute))
		report, err := c.Sync(t.Context(), source(newTestRows(10)), nil)
		require.ErrorIs(t, err, contacts.ErrRateLimited)
		assert.Contains(t, err.Error(), "status 429 (retry after 1m0s)")
		assertReport(t, contacts.Report{Read: 10, NotAttempted: 10}, report)
		assert.False(t, report.Complete())

		fake.Script(contactstest.Status(429, "Slow down").RetryAfter(time.Minute))
		begun := time.Now()
		_, err = c.Sync(t.Context(), source(newTestRows(10)), &contacts.SyncOptions{MaxOutage: time.Minute})
		require.NoError(t, err)
		assert.Equal(t, time.Minute, time.Since(begun))

	})
	for _, outage := range []time.Duration{10 * time.Second, 5 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			c, fake := newFakeClient(t, nil, nil)
			fake.Script(slices.Repeat([]contactstest.Fault{contactstest.Status(503, "Down")}, 60)...)
			begun := time.Now()
			_, err := c.Sync(t.Context(), source(newTestRows(10)), &contacts.SyncOptions{MaxOutage: outage, OnFailure: accept})
			require.ErrorIs(t, err, contacts.ErrServer)
			assert.GreaterOrEqual(t, time.Since(begun), outage)
			assert.Less(t, time.Since(begun), 3*outage)
		})
	}
}

// Rows that break the Schema, or another rule, end the run as those that the service
// rejects do, and a later run sends them.
func TestSync_RowsThatBreakARule(t *testing.T) {
	c, fake := newLoopbackClient(t, &contactstest.Options{Attributes: attributes}, nil)
	schema, err := c.Schema(t.Context())
	require.NoError(t, err)
	for name, change := range map[string]func(*contacts.Fields){
		"the schema":    func(in *contacts.Fields) { in.CustomAttributes = contacts.Set(contacts.Values{"seats": "many"}) },
		"not defined":   func(in *contacts.Fields) { in.CustomAttributes = contacts.Set(contacts.Values{"Plan": "pro"}) },
		"no id":         func(in *contacts.Fields) { in.ExternalID = contacts.Optional[string]{} },
		"an id not set": func(in *contacts.Fields) { in.ExternalID = contacts.Set("undefined") },
	} {
		rows := newTestRows(3000)
		for i := range rows {
			change(&rows[i].Fields)
		}
		report, err := c.Sync(t.Context(), source(rows), &contacts.SyncOptions{Schema: schema, BatchSize: 10})
		require.ErrorIs(t, err, contacts.ErrSameRejection, name)
		var fe *contacts.FieldError
		require.ErrorAs(t, err, &fe)
		assert.Empty(t, report.Cursor)
		assert.Less(t, report.Read, 700)
		assert.Equal(t, report.Read, report.Rejected)

		report, err = c.Sync(t.Context(), source(rows), &contacts.SyncOptions{Schema: schema, MaxSameRejections: -1})
		require.ErrorIs(t, err, contacts.ErrRowsFailed, name)
		assert.Equal(t, "2999", report.Cursor)
		assert.True(t, report.Complete())
	}
	assert.Empty(t, fake.Contacts())
}

// Rows that break one rule at different positions, or by different lengths, are rejected
// for the same reason.
func TestSync_SameRuleAtAnotherPosition(t *testing.T) {
	for name, id := range map[string]func(n int) string{
		"positions": func(n int) string { return strings.Repeat("a", n) + "@example.com" },
		"lengths":   func(n int) string { return strings.Repeat("a", 130+n) },
	} {
		c, _ := newLoopbackClient(t, nil, func(o *contacts.Options) { o.RequireUserIDs = true })
		var rows []contacts.Row
		for n := range 25 {
			rows = append(rows, contacts.Row{Fields: newTestFields(id(n), "Ada"), Cursor: strconv.Itoa(n)})
		}
		report, err := c.Sync(t.Context(), source(rows), nil)
		require.ErrorIs(t, err, contacts.ErrSameRejection, name)
		assert.ErrorContains(t, report.Failures[0].Err, "must have ", "the error has the position")
		assert.Empty(t, report.Cursor)
	}
}

// Bad external ids are not sent.
func TestSync_ExternalIDs(t *testing.T) {
	c, fake := newLoopbackClient(t, nil, nil)
	bad := []string{"user_1\r", " user_1", "\ufeffuser_1", "user_1   ", "user_1\n", "\tuser_1", "undefined", "null", "<nil>", "NaN", "[object Object]", "00000000-0000-0000-0000-000000000000", ""}
	var rows []contacts.Row
	for _, id := range bad {
		rows = append(rows, contacts.Row{Fields: newTestFields(id, "Ada")})
		_, err := c.Upsert(t.Context(), []contacts.Fields{newTestFields(id, "Ada")})
		var fe *contacts.FieldError
		require.ErrorAs(t, err, &fe, "%q", id)
	}
	report, err := c.Sync(t.Context(), source(rows), nil)
	require.ErrorIs(t, err, contacts.ErrRowsFailed)
	assert.Equal(t, len(bad), report.Rejected)
	assert.Empty(t, fake.Requests())
}

// An error of the source ends a run gracefully: what was read is sent, and calls
// that are under way come to their end.
func TestSync_GracefulEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, fake := newFakeClient(t, nil, nil)
		fake.Script(slices.Repeat([]contactstest.Fault{contactstest.Slow(5 * time.Second)}, 100)...)
		ctx, interrupt := context.WithTimeout(t.Context(), 7*time.Second)
		defer interrupt()
		report, err := c.Sync(t.Context(), func(yield func(contacts.Row, error) bool) {
			for _, row := range newTestRows(1000) {
				if ctx.Err() != nil {
					yield(contacts.Row{}, ctx.Err())
					return
				}
				if !yield(row, nil) {
					return
				}
			}
		}, &contacts.SyncOptions{BatchSize: 10, Workers: 4})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Positive(t, report.Acknowledged)
		assert.Equal(t, report.Read, report.Acknowledged)
		assert.Equal(t, fmt.Sprint(report.Read-1), report.Cursor)
		assert.False(t, report.Complete())
		assert.Len(t, fake.Contacts(), report.Read)
	})
}

// Rows of one external id reach the service in their order, whatever fails.
func TestSync_OrderOfOneCustomer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rows []contacts.Row
		for i := range 300 {
			rows = append(rows, contacts.Row{Fields: newTestFields(fmt.Sprint("user_", i%7), fmt.Sprint(i)), Cursor: fmt.Sprint(i)})
		}
		c, fake := newFakeClient(t, nil, nil)
		fake.Script(slices.Repeat([]contactstest.Fault{contactstest.FailAfter(), contactstest.Pass(), contactstest.Slow(3 * time.Second), contactstest.Echo(1)}, 40)...)
		report, err := c.Sync(t.Context(), source(rows), &contacts.SyncOptions{BatchSize: 5})
		require.NoError(t, err)
		assert.Equal(t, 300, report.Acknowledged)
		last := map[string]int{}
		for _, r := range fake.Requests() {
			if r.Method != "POST" {
				continue
			}
			var sent struct {
				Users []struct {
					ID   string `json:"external_id"`
					Name int    `json:"name,string"`
				}
			}
			require.NoError(t, json.NewDecoder(io.NopCloser(bytes.NewReader(r.Body))).Decode(&sent))
			for _, u := range sent.Users {
				assert.GreaterOrEqual(t, u.Name, last[u.ID])
				last[u.ID] = u.Name
			}
		}
	})
}
