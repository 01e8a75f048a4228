package contacts_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chatident/chatident/contacts"
	"github.com/chatident/chatident/contacts/contactstest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newTestRows returns n good rows, whose cursors are their places.
func newTestRows(n int) []contacts.Row {
	rows := make([]contacts.Row, n)
	for i := range rows {
		rows[i] = contacts.Row{Fields: newTestFields(fmt.Sprintf("user_%04d", i), strconv.Itoa(i)), Cursor: strconv.Itoa(i)}
	}
	return rows
}

func source(rows []contacts.Row) iter.Seq2[contacts.Row, error] { return rowsOf(rows, 0, nil) }

// assertReport compares the numbers, the failures and the cursor.
func assertReport(t *testing.T, want, got contacts.Report, messageAndValues ...any) {
	t.Helper()
	show := func(r contacts.Report) []any {
		return []any{r.Read, r.Acknowledged, r.Rejected, r.Unknown, r.Withdrawn, r.NotAttempted, r.Failures, r.Cursor}
	}
	assert.Equal(t, show(want), show(got), messageAndValues...)
}

// accept accepts every failure.
func accept(context.Context, contacts.Failure) error { return nil }

func upserts(fake *contactstest.Fake) (n int) {
	for _, r := range fake.Requests() {
		if r.Method == "POST" {
			n++
		}
	}
	return n
}

func TestSync_EveryOutcome(t *testing.T) {
	for n, calls := range map[int]int{0: 0, 1: 1, 1000: 1, 1001: 2, 4000: 4, 9500: 10} {
		c, fake := newLoopbackClient(t, nil, nil)
		var checkpoints []string
		var progress []contacts.Report
		report, err := c.Sync(t.Context(), source(newTestRows(n)), &contacts.SyncOptions{
			OnCheckpoint: func(_ context.Context, cursor string) error { checkpoints = append(checkpoints, cursor); return nil },
			OnProgress:   func(_ context.Context, r contacts.Report) { progress = append(progress, r) },
		})
		require.NoError(t, err)
		want := contacts.Report{Read: n, Acknowledged: n}
		if n > 0 {
			want.Cursor = strconv.Itoa(n - 1)
			assert.Equal(t, want.Cursor, checkpoints[len(checkpoints)-1])
		}
		assertReport(t, want, report)
		assertReport(t, want, progress[len(progress)-1])
		assert.True(t, report.Complete())
		assert.Len(t, fake.Contacts(), n)
		assert.Equal(t, calls, upserts(fake))
	}
}

// A customer whose rows stand together, as a join gives them, does not make the
// batches small, and the last row wins.
func TestSync_RowsOfOneCustomer(t *testing.T) {
	const customers, each = 200, 5
	var rows []contacts.Row
	for i := range customers {
		for j := range each {
			rows = append(rows, contacts.Row{Fields: newTestFields(fmt.Sprint("user_", i), fmt.Sprint(j)), Cursor: fmt.Sprint(i, "/", j)})
		}
	}
	c, fake := newLoopbackClient(t, nil, nil)
	report, err := c.Sync(t.Context(), source(rows), &contacts.SyncOptions{BatchSize: 100, Workers: 3})
	require.NoError(t, err)
	assertReport(t, contacts.Report{Read: 1000, Acknowledged: 1000, Cursor: "199/4"}, report)
	assert.Less(t, upserts(fake), 60)
	for _, contact := range fake.Contacts() {
		assert.Equal(t, "4", *contact.Name)
	}
}

func TestSync_RejectsRowsUnsent(t *testing.T) {
	c, fake := newLoopbackClient(t, &contactstest.Options{Attributes: attributes}, func(o *contacts.Options) { o.RequireUserIDs = true })
	schema, err := c.Schema(t.Context())
	require.NoError(t, err)
	undefined := newTestFields("user_2", "x")
	undefined.CustomAttributes = contacts.Set(contacts.Values{"Plan": "pro"})
	rows := []contacts.Row{
		{Fields: contacts.Fields{Name: contacts.Set("nobody")}, Cursor: "a"},
		{Fields: newTestFields("", "empty"), Cursor: "b"},
		{Fields: newTestFields("ada@example.com", "no user id"), Cursor: "c"},
		{Fields: undefined, Cursor: "d"},
		{Fields: contacts.Fields{ExternalID: contacts.Null[string]()}, Cursor: "e"},
		{Fields: newTestFields("user_1", "good")},
	}
	report, err := c.Sync(t.Context(), source(rows), &contacts.SyncOptions{Schema: schema})
	require.ErrorIs(t, err, contacts.ErrRowsFailed)
	var fe *contacts.FieldError
	require.ErrorAs(t, err, &fe, "the first failure is in it")
	assert.Equal(t, "contacts: Sync: some rows were not acknowledged: 5 rejected, 0 unknown (see Report.Failures)", err.Error())
	assertReport(t, contacts.Report{Read: 6, Acknowledged: 1, Rejected: 5, Failures: report.Failures, Cursor: "e"}, report)
	var reasons []string
	for i, f := range report.Failures {
		assert.Equal(t, contacts.OutcomeRejected, f.Outcome)
		assert.Equal(t, rows[i], f.Row)
		reasons = append(reasons, f.Reason())
	}
	assert.Equal(t, []string{
		"row.Fields.ExternalID: must be set",
		"row.Fields.ExternalID: must not be empty or consist only of slashes",
		"row.Fields.ExternalID: must have only letters, digits, dot, underscore and hyphen: byte 4 is another (chatclient.DeriveUserID makes one of an e-mail address)",
		`input.CustomAttributes["Plan"]: is not defined (see EnsureAttributes)`,
		"row.Fields.ExternalID: must not be null",
	}, reasons)
	assert.Equal(t, []string{"user_1"}, externalIDs(fake))
}

func TestSync_EmptyFields(t *testing.T) {
	values := contacts.Values{"plan": "", "seats": 2, "vip": nil}
	in := contacts.Fields{
		ExternalID: contacts.Set("user_1"), Name: contacts.Set(""), Email: contacts.Set("ada@example.com"), PhoneNumber: contacts.Null[string](),
		CustomAttributes: contacts.Set(values),
	}
	none := contacts.Fields{ExternalID: contacts.Set("user_2"), CustomAttributes: contacts.Set(contacts.Values{"plan": ""})}
	for clearEmpty, want := range map[bool]string{
		false: `{"users":[{"external_id":"user_1","email":"ada@example.com","phonenumber":null,"custom_attributes":{"seats":2,"vip":null}},{"external_id":"user_2"}]}`,
		true:  `{"users":[{"external_id":"user_1","name":null,"email":"ada@example.com","phonenumber":null,"custom_attributes":{"plan":null,"seats":2,"vip":null}},{"external_id":"user_2","custom_attributes":{"plan":null}}]}`,
	} {
		c, fake := newLoopbackClient(t, nil, nil)
		_, err := c.Sync(t.Context(), source([]contacts.Row{{Fields: in}, {Fields: none}}), &contacts.SyncOptions{ClearEmpty: clearEmpty})
		require.NoError(t, err)
		assert.Equal(t, want, string(fake.Requests()[0].Body))
	}
	assert.Equal(t, contacts.Values{"plan": "", "seats": 2, "vip": nil}, values, "the caller's stay as they are")
}

// Rows that are rejected are found, with and without issues, and cost the others
// nothing.
func TestSync_SplitsRejectedBatches(t *testing.T) {
	rows := newTestRows(1000)
	bad := []int{0, 17, 18, 500, 999}
	for _, i := range bad {
		rows[i].Fields.CustomAttributes = contacts.Set(contacts.Values{"seats": "three", "old": "x"})
	}
	withoutIssues := func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			normal.ServeHTTP(&noHint{ResponseWriter: w}, r)
		})
	}
	for name, test := range map[string]struct {
		fault  contactstest.Fault
		calls  int
		reason string
		issues int
	}{
		"by issues": {contactstest.Pass(), 11, "custom_attributes.old is archived", 2},
		"by halves": {withoutIssues, 80, "Invalid request data", 0},
	} {
		t.Run(name, func(t *testing.T) {
			c, fake := newLoopbackClient(t, &contactstest.Options{Attributes: attributes}, nil)
			fake.Script(slices.Repeat([]contactstest.Fault{test.fault}, 200)...)
			report, err := c.Sync(t.Context(), source(rows), nil)
			require.ErrorIs(t, err, contacts.ErrRowsFailed)
			assert.ErrorIs(t, err, contacts.ErrBadRequest)
			assertReport(t, contacts.Report{Read: 1000, Acknowledged: 995, Rejected: 5, Failures: report.Failures, Cursor: "999"}, report)
			for i, f := range report.Failures {
				assert.Equal(t, rows[bad[i]], f.Row)
				var e *contacts.Error
				require.ErrorAs(t, f.Err, &e)
				assert.Len(t, e.Issues(), test.issues)
			}
			assert.Equal(t, test.reason, report.Failures[0].Reason())
			assert.LessOrEqual(t, upserts(fake), test.calls)
			assert.Len(t, fake.Contacts(), 995)
		})
	}
}

// The last response decides, also if an earlier call that was rejected saved the
// row: it is rejected, and its version before is held.
func TestSync_RejectedAfterItWasSaved(t *testing.T) {
	for _, status := range []int{400, 409, 413, 422, 451} {
		rows := newTestRows(2)
		rows[1].Fields.CustomAttributes = contacts.Set(contacts.Values{"old": "x"})
		c, fake := newLoopbackClient(t, &contactstest.Options{Attributes: attributes, Readings: map[string]string{"upsert-batch": "partial"}}, nil)
		fake.Script(contactstest.Pass(), contactstest.Pass(), contactstest.Status(status, "Not now"))
		report, err := c.Sync(t.Context(), source(rows), nil)
		require.ErrorIs(t, err, contacts.ErrRowsFailed)
		assert.Equal(t, []string{"user_0000"}, externalIDs(fake))
		assertReport(t, contacts.Report{Read: 2, Rejected: 2, Failures: report.Failures, Cursor: "1"}, report, "%d", status)
	}

	c, fake := newLoopbackClient(t, nil, nil) // each row is too large alone: the calls before were not read
	fake.Script(slices.Repeat([]contactstest.Fault{contactstest.TooLarge(0)}, 3)...)
	report, err := c.Sync(t.Context(), source(newTestRows(2)), nil)
	require.ErrorIs(t, err, contacts.ErrTooLarge)
	assert.Equal(t, 2, report.Rejected)
}

// noHint is a rejection without issues.
type noHint struct {
	http.ResponseWriter
	status int
}

func (b *noHint) WriteHeader(status int) { b.status = status; b.ResponseWriter.WriteHeader(status) }

func (b *noHint) Write(body []byte) (int, error) {
	if b.status == 400 {
		_, err := b.ResponseWriter.Write([]byte(`{"message":"Invalid request data"}`))
		return len(body), err
	}
	return b.ResponseWriter.Write(body)
}

// Issues whose numbers mean other rows must not put the blame on a good one.
func TestSync_MisleadingIssues(t *testing.T) {
	rows := newTestRows(50)
	rows[20].Fields.CustomAttributes = contacts.Set(contacts.Values{"seats": "three"})
	fromOne := func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			normal.ServeHTTP(&renumbering{ResponseWriter: w}, r)
		})
	}
	c, fake := newLoopbackClient(t, &contactstest.Options{Attributes: attributes}, nil)
	fake.Script(slices.Repeat([]contactstest.Fault{fromOne}, 100)...)
	report, err := c.Sync(t.Context(), source(rows), nil)
	require.ErrorIs(t, err, contacts.ErrRowsFailed)
	assert.Less(t, upserts(fake), 20, "hints that named a good row are not followed")
	assert.Equal(t, 49, report.Acknowledged)
	require.Len(t, report.Failures, 1)
	assert.Equal(t, rows[20], report.Failures[0].Row)
}

// Nor may issues that name all rows of a call, whichever of them is bad.
func TestSync_IssuesOfAllRows(t *testing.T) {
	rows := newTestRows(1000)
	for _, bad := range []int{3, 4, 500} {
		rows[bad].Fields.Name = contacts.Set("bad")
	}
	for name, first := range map[string]bool{"all": true, "those after the first": false} {
		t.Run(name, func(t *testing.T) {
			c, fake := newLoopbackClient(t, nil, nil)
			fake.Script(upsertsOf(func(w http.ResponseWriter, _ *http.Request, names []string) bool {
				n := slices.Index(names, "bad")
				if n < 0 {
					return false
				}
				if first {
					n = 0
				}
				var issues []string
				for ; n < len(names); n++ {
					issues = append(issues, fmt.Sprintf(`{"field":"users[%d]","message":"not processed"}`, n))
				}
				w.WriteHeader(400)
				_, _ = fmt.Fprintf(w, `{"message":"Invalid","issues":[%s]}`, strings.Join(issues, ","))
				return true
			})...)
			report, err := c.Sync(t.Context(), source(rows), nil)
			require.ErrorIs(t, err, contacts.ErrRowsFailed)
			assertReport(t, contacts.Report{Read: 1000, Acknowledged: 997, Rejected: 3, Failures: report.Failures, Cursor: "999"}, report)
			assert.Less(t, upserts(fake), 60)
		})
	}
}

// renumbering counts the items from one.
type renumbering struct{ http.ResponseWriter }

func (n *renumbering) Write(body []byte) (int, error) {
	text := string(body)
	for i := 60; i >= 0; i-- {
		text = strings.ReplaceAll(text, fmt.Sprintf("users[%d]", i), fmt.Sprintf("users[%d]", i+1))
	}
	_, err := n.ResponseWriter.Write([]byte(text))
	return len(body), err
}

// A reason that all rows have ends the run, and the checkpoint is before it.
func TestSync_SameRejection(t *testing.T) {
	for _, size := range []int{1, 7, 20, 1000} {
		for _, workers := range []int{1, 4} {
			t.Run(fmt.Sprintf("batches of %d, %d workers", size, workers), func(t *testing.T) {
				rows := newTestRows(5000)
				for i := range rows[1000:] {
					rows[1000+i].Fields.CustomAttributes = contacts.Set(contacts.Values{"old": "x"})
				}
				c, fake := newLoopbackClient(t, &contactstest.Options{Attributes: attributes}, nil)
				report, err := c.Sync(t.Context(), source(rows), &contacts.SyncOptions{BatchSize: size, Workers: workers})
				require.ErrorIs(t, err, contacts.ErrSameRejection)
				assert.ErrorIs(t, err, contacts.ErrBadRequest)
				assert.NotErrorIs(t, err, contacts.ErrRowsFailed)
				assert.InDelta(t, 1000, report.Acknowledged, float64(4*size*workers), "what is in hand")
				assert.GreaterOrEqual(t, report.Rejected, 20)
				assert.Less(t, report.Rejected, 20+5*size*workers)
				assert.Equal(t, report.Read, report.Acknowledged+report.Rejected+report.Unknown+report.NotAttempted)
				assert.Less(t, report.Read, 1000+9*size*workers+20, "the source was not read on")
				last := -1
				if report.Cursor != "" {
					last, err = strconv.Atoi(report.Cursor)
					require.NoError(t, err)
				}
				assert.Less(t, last, 1000, "a later run sends them again")
				assert.GreaterOrEqual(t, last, 999-4*size*workers)
				assert.Len(t, fake.Contacts(), report.Acknowledged)
			})
		}
	}
}

// Many bad rows among good ones are no reason to end, even with one message.
func TestSync_ManyBadRows(t *testing.T) {
	for _, size := range []int{10, 1000} {
		rows := newTestRows(3000)
		for i := range rows {
			if i%4 == 3 {
				rows[i].Fields.CustomAttributes = contacts.Set(contacts.Values{"old": "x"})
			}
		}
		c, fake := newLoopbackClient(t, &contactstest.Options{Attributes: attributes}, nil)
		report, err := c.Sync(t.Context(), source(rows), &contacts.SyncOptions{BatchSize: size})
		require.ErrorIs(t, err, contacts.ErrRowsFailed)
		assertReport(t, contacts.Report{Read: 3000, Acknowledged: 2250, Rejected: 750, Failures: report.Failures, Cursor: "2999"}, report)
		assert.Len(t, report.Failures, 100)
		assert.Len(t, fake.Contacts(), 2250)
	}
}

// upsertsOf is the rows of a call, by a fault that sees them.
func upsertsOf(see func(w http.ResponseWriter, r *http.Request, names []string) bool) []contactstest.Fault {
	return slices.Repeat([]contactstest.Fault{func(normal http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			var sent struct {
				Users []struct{ Name string }
			}
			_ = json.Unmarshal(body, &sent)
			var names []string
			for _, u := range sent.Users {
				names = append(names, u.Name)
			}
			if !see(w, r, names) {
				normal.ServeHTTP(w, r)
			}
		})
	}}, 5000)
}

// A service that stops at the first bad row names one of them at a time. As long
// as there is a good one, the run does not end; else it is.
func TestSync_FirstBadRowOnly(t *testing.T) {
	first := upsertsOf(func(w http.ResponseWriter, _ *http.Request, names []string) bool {
		n := slices.Index(names, "bad")
		if n >= 0 {
			w.WriteHeader(400)
			_, _ = fmt.Fprintf(w, `{"message":"Invalid","issues":[{"field":"users[%d].phonenumber","message":"is no number"}]}`, n)
		}
		return n >= 0
	})
	for _, every := range []int{50, 40, 10} {
		rows := newTestRows(1000)
		for i := 0; i < len(rows); i += every {
			rows[i].Fields.Name = contacts.Set("bad")
		}
		c, fake := newLoopbackClient(t, nil, nil)
		fake.Script(first...)
		report, err := c.Sync(t.Context(), source(rows), nil)
		require.ErrorIs(t, err, contacts.ErrRowsFailed)
		bad := 1000 / every
		assertReport(t, contacts.Report{Read: 1000, Acknowledged: 1000 - bad, Rejected: bad, Failures: report.Failures, Cursor: "999"}, report)
		assert.Less(t, upserts(fake), 12*bad)
	}

	rows := newTestRows(5000)
	for i := range rows {
		rows[i].Fields.Name = contacts.Set("bad")
	}
	c, fake := newLoopbackClient(t, nil, nil)
	fake.Script(first...)
	report, err := c.Sync(t.Context(), source(rows), &contacts.SyncOptions{Workers: 1})
	require.ErrorIs(t, err, contacts.ErrSameRejection)
	assert.Empty(t, report.Cursor)
	assert.Less(t, upserts(fake), 150)
}

// A stretch of bad rows is passed by an operator who allows it.
func TestSync_MaxSameRejections(t *testing.T) {
	rows := newTestRows(300)
	for i := range 60 {
		rows[100+i].Fields.CustomAttributes = contacts.Set(contacts.Values{"old": "x"})
	}
	for limit, ends := range map[int]bool{0: true, 3: true, 60: true, 61: false, -1: false} {
		c, _ := newLoopbackClient(t, &contactstest.Options{Attributes: attributes}, nil)
		report, err := c.Sync(t.Context(), source(rows), &contacts.SyncOptions{BatchSize: 10, Workers: 1, MaxSameRejections: limit})
		assert.Equal(t, ends, errors.Is(err, contacts.ErrSameRejection), limit)
		if ends {
			assert.ErrorContains(t, err, "SyncOptions.MaxSameRejections") // what to change
			assert.Equal(t, "99", report.Cursor)
		} else {
			assertReport(t, contacts.Report{Read: 300, Acknowledged: 240, Rejected: 60, Failures: report.Failures, Cursor: "299"}, report)
		}
	}
}

// A row that a firewall does not like costs that row. When it is all of them,
// the run ends.
func TestSync_Firewall(t *testing.T) {
	for _, status := range []int{401, 402, 403, 404, 405, 407} {
		n := 0
		blocked := upsertsOf(func(w http.ResponseWriter, _ *http.Request, names []string) bool {
			if !slices.Contains(names, "<script") {
				return false
			}
			n++
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, "<html>You have been blocked. Your number is %d.", n)
			return true
		})
		rows := newTestRows(200)
		rows[3].Fields.Name = contacts.Set("<script")
		c, fake := newLoopbackClient(t, nil, nil)
		fake.Script(blocked...)
		report, err := c.Sync(t.Context(), source(rows), nil)
		require.ErrorIs(t, err, contacts.ErrRowsFailed)
		assertReport(t, contacts.Report{Read: 200, Acknowledged: 199, Rejected: 1, Failures: report.Failures, Cursor: "199"}, report)
		assert.Equal(t, rows[3], report.Failures[0].Row)

		for i := range rows {
			rows[i].Fields.Name = contacts.Set("<script")
		}
		n = 0
		report, err = c.Sync(t.Context(), source(rows), &contacts.SyncOptions{Workers: 1})
		require.ErrorIs(t, err, contacts.ErrSameRejection)
		assert.Empty(t, report.Cursor)
		assert.Less(t, n, 60, "20 rows and the batches that they were split out of")
	}
}

func TestSync_TooLarge(t *testing.T) {
	c, fake := newLoopbackClient(t, nil, nil)
	fake.Script(slices.Repeat([]contactstest.Fault{contactstest.TooLarge(100)}, 1000)...)
	report, err := c.Sync(t.Context(), source(newTestRows(10000)), &contacts.SyncOptions{Workers: 1})
	require.NoError(t, err)
	assert.Equal(t, 10000, report.Acknowledged)
	assert.Less(t, upserts(fake), 240, "later calls are shorter: else there were 310")
}

func TestSync_BatchBytes(t *testing.T) {
	rows := newTestRows(30)
	rows[7].Fields.Name = contacts.Set(strings.Repeat("x", 5000)) // sent alone
	c, fake := newLoopbackClient(t, nil, nil)
	report, err := c.Sync(t.Context(), source(rows), &contacts.SyncOptions{BatchBytes: 500, Workers: 2})
	require.NoError(t, err)
	assert.Equal(t, 30, report.Acknowledged)
	for _, r := range fake.Requests() {
		if strings.Contains(string(r.Body), "xxx") {
			assert.Equal(t, 1, strings.Count(string(r.Body), "external_id"))
		} else {
			assert.LessOrEqual(t, len(r.Body), 500+len(`{"users":[]}`))
		}
	}
}

// A row that a response lacks is sent once more, alone with its kind.
func TestSync_RowsMissingInTheResponse(t *testing.T) {
	c, fake := newLoopbackClient(t, nil, nil)
	fake.Script(contactstest.Echo(6), contactstest.Echo(3))
	report, err := c.Sync(t.Context(), source(newTestRows(10)), nil)
	require.NoError(t, err)
	assertReport(t, contacts.Report{Read: 10, Acknowledged: 10, Cursor: "9"}, report)
	assert.Equal(t, 3, upserts(fake))

	fake.Script(slices.Concat([]contactstest.Fault{contactstest.Echo(9)}, slices.Repeat([]contactstest.Fault{contactstest.Echo(0)}, 4))...)
	report, err = c.Sync(t.Context(), source(newTestRows(10)), &contacts.SyncOptions{OnFailure: accept})
	require.ErrorIs(t, err, contacts.ErrRowsFailed)
	require.ErrorIs(t, err, contacts.ErrUnexpectedResponse)
	assertReport(t, contacts.Report{Read: 10, Acknowledged: 9, Unknown: 1, Failures: report.Failures, Cursor: "9"}, report)
	assert.Contains(t, report.Failures[0].Reason(), "the response does not contain the contact")
	assert.True(t, report.Complete(), "OnFailure has the row")
}

// One row with which the service fails each time does not keep the others from
// being saved.
func TestSync_RowThatFailsTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := newTestRows(1000)
		rows[3].Fields.Name = contacts.Set("poison")
		c, fake := newFakeClient(t, nil, nil)
		poisoned := contactstest.Fault(func(normal http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				assert.NoError(t, err)
				if strings.Contains(string(body), "poison") {
					w.WriteHeader(500)
					return
				}
				r.Body = io.NopCloser(bytes.NewReader(body))
				normal.ServeHTTP(w, r)
			})
		})
		fake.Script(slices.Repeat([]contactstest.Fault{poisoned}, 200)...)
		report, err := c.Sync(t.Context(), source(rows), &contacts.SyncOptions{OnFailure: accept})
		require.ErrorIs(t, err, contacts.ErrRowsFailed)
		assert.ErrorIs(t, err, contacts.ErrServer)
		assertReport(t, contacts.Report{Read: 1000, Acknowledged: 999, Unknown: 1, Failures: report.Failures, Cursor: "999"}, report)
		assert.Equal(t, rows[3], report.Failures[0].Row)
		assert.True(t, report.Complete())

		report, err = c.Sync(t.Context(), source(rows), nil) // without OnFailure, the run ends there
		require.ErrorIs(t, err, contacts.ErrUnknownRow)
		assert.ErrorIs(t, err, contacts.ErrServer)
		assert.Contains(t, err.Error(), "row 4 of the source")
		assert.Equal(t, rows[3], report.Failures[0].Row)
		assert.Equal(t, "2", report.Cursor)
		assert.False(t, report.Complete())
	})
}

// What ends a run early, and what the report says then.
func TestSync_EndsEarly(t *testing.T) {
	many := func(f contactstest.Fault) []contactstest.Fault {
		return slices.Concat([]contactstest.Fault{contactstest.Pass(), contactstest.Pass()}, slices.Repeat([]contactstest.Fault{f}, 500))
	}
	for name, test := range map[string]struct {
		faults       []contactstest.Fault
		want         error
		acknowledged int
		unknown      bool
		calls        int // at most
	}{
		"the key is rejected":   {many(contactstest.Status(401, "No")), contacts.ErrUnauthorized, 20, false, 4},
		"another agent's key":   {many(contactstest.Status(403, "No")), contacts.ErrForbidden, 20, false, 4},
		"not paid":              {many(contactstest.Status(402, "Pay")), nil, 20, false, 4},
		"another method":        {many(contactstest.Status(405, "No")), nil, 20, false, 4},
		"a proxy wants a name":  {many(contactstest.Status(407, "No")), nil, 20, false, 4},
		"it has moved":          {many(contactstest.Status(308, "There")), nil, 20, false, 4},
		"it has moved, a page":  {many(contactstest.Respond(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(302) })), nil, 20, false, 4},
		"408 for ever":          {many(contactstest.Status(408, "Too slow")), nil, 20, true, 70},
		"no such agent":         {many(contactstest.Status(404, "Resource not found")), contacts.ErrNotFound, 20, false, 4},
		"wait for an hour":      {many(contactstest.Status(429, "Slow down").RetryAfter(time.Hour)), contacts.ErrRateLimited, 20, false, 4},
		"down":                  {many(contactstest.Status(503, "Down")), contacts.ErrServer, 20, true, 70},
		"a proxy without it":    {many(contactstest.BadGateway()), contacts.ErrServer, 20, true, 70},
		"connections are cut":   {many(contactstest.Drop()), nil, 20, true, 140},
		"429 for ever":          {many(contactstest.Status(429, "Slow down")), contacts.ErrRateLimited, 20, false, 70},
		"a page of a portal":    {many(contactstest.Respond(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) })), contacts.ErrUnexpectedResponse, 20, true, 70},
		"503, and wait an hour": {many(contactstest.Status(503, "Down").RetryAfter(time.Hour)), contacts.ErrServer, 20, true, 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, fake := newFakeClient(t, nil, nil)
				fake.Script(test.faults...)
				begun := time.Now()
				rows := newTestRows(5000)
				report, err := c.Sync(t.Context(), source(rows), &contacts.SyncOptions{BatchSize: 10, Workers: 1})
				require.Error(t, err)
				if test.want != nil {
					require.ErrorIs(t, err, test.want)
				}
				assert.NotErrorIs(t, err, contacts.ErrRowsFailed)
				var e *contacts.Error
				require.ErrorAs(t, err, &e)
				assert.Equal(t, test.acknowledged, report.Acknowledged)
				assert.Equal(t, report.Read, report.Acknowledged+report.Unknown+report.NotAttempted)
				assert.Equal(t, test.unknown, report.Unknown > 0)
				assert.Equal(t, "19", report.Cursor)
				assert.Less(t, report.Read, 300)
				assert.LessOrEqual(t, len(fake.Requests()), test.calls)
				if test.calls > 4 {
					assert.Greater(t, time.Since(begun), 30*time.Second, "a restart of the service does not end the run")
					assert.Less(t, time.Since(begun), 3*time.Minute)
				}
			})
		})
	}
}

// A service that cannot be reached at all, for a minute, does not end the run.
func TestSync_WaitsForTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, err := contactstest.New(nil)
		require.NoError(t, err)
		defer fake.Close()
		up := time.Now().Add(30 * time.Second)
		transport := fake.Client().Transport.(*http.Transport)
		dial := transport.DialContext
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if time.Now().Before(up) {
				return nil, &net.OpError{Op: "dial", Err: errors.New("connection rejected")}
			}
			return dial(ctx, network, address)
		}
		c := newServiceClient(t, &contacts.Options{BaseURL: contactstest.BaseURL, HTTPClient: &http.Client{Transport: transport}}, nil)
		report, err := c.Sync(t.Context(), source(newTestRows(100)), &contacts.SyncOptions{BatchSize: 10})
		require.NoError(t, err)
		assert.Equal(t, 100, report.Acknowledged)
		assert.Equal(t, 10, upserts(fake))
	})
}

// However many workers there are, a service that restarts does not end the run, and one
// that is down for good is given up.
func TestSync_Endurance(t *testing.T) {
	for _, workers := range []int{1, 4, 20, 64} {
		for _, down := range []time.Duration{20 * time.Second, time.Hour} {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				c, fake := newFakeClient(t, nil, func(o *contacts.Options) { o.MaxRetries = -1 })
				fake.Script(slices.Repeat([]contactstest.Fault{func(normal http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if time.Since(begun) < down {
							time.Sleep(time.Second) // so that the calls of all workers are under way
							normal = contactstest.Status(503, "Down")(normal)
						}
						normal.ServeHTTP(w, r)
					})
				}}, 5000)...)
				report, err := c.Sync(t.Context(), source(newTestRows(20000)), &contacts.SyncOptions{BatchSize: 100, Workers: workers})
				if down < time.Minute {
					assert.Equal(t, 20000, report.Read, "%d workers", workers)
					assert.Zero(t, report.NotAttempted)
					assert.Less(t, report.Unknown, 10)
				} else {
					require.ErrorIs(t, err, contacts.ErrServer)
					assert.NotErrorIs(t, err, contacts.ErrRowsFailed)
					assert.Greater(t, time.Since(begun), 30*time.Second)
					assert.Less(t, time.Since(begun), 3*time.Minute)
				}
			})
		}
	}
}

// What the service asks to wait is for all workers, also when nothing is left to
// send of the call that it responded to.
func TestSync_WaitsForRetryAfter(t *testing.T) {
	for name, reject := range map[string]func(w http.ResponseWriter){
		"503":       func(w http.ResponseWriter) { w.Header().Set("Retry-After", "20"); w.WriteHeader(503) },
		"429":       func(w http.ResponseWriter) { w.Header().Set("Retry-After", "20"); w.WriteHeader(429) },
		"its reset": func(w http.ResponseWriter) { w.Header().Set("X-RateLimit-Reset", "20"); w.WriteHeader(429) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				var at []time.Duration
				var mu sync.Mutex
				c, fake := newFakeClient(t, nil, func(o *contacts.Options) { o.MaxRetries = -1 })
				fake.Script(slices.Repeat([]contactstest.Fault{func(normal http.Handler) http.Handler {
					mu.Lock()
					defer mu.Unlock()
					at = append(at, time.Since(begun).Round(time.Second))
					if time.Since(begun) > 30*time.Second { // no row fails three times
						return normal
					}
					return contactstest.Respond(func(w http.ResponseWriter, _ *http.Request) { reject(w) })(normal)
				}}, 100)...)
				slow := func(yield func(contacts.Row, error) bool) {
					for i, row := range newTestRows(30) {
						if i > 3 {
							time.Sleep(100 * time.Millisecond)
						}
						if !yield(row, nil) {
							return
						}
					}
				}
				report, err := c.Sync(t.Context(), slow, &contacts.SyncOptions{BatchSize: 1, Workers: 3})
				require.NoError(t, err)
				assert.Equal(t, 30, report.Read)
				for at[1] == 0 { // sent before the first response was heard
					at = at[1:]
				}
				for i := range 3 {
					assert.Equal(t, time.Duration(i)*20*time.Second, at[i], "one at a time")
				}
			})
		})
	}
}

// Calls that fail now and then, with responses in between, are no reason to end.
func TestSync_FailuresBetweenResponses(t *testing.T) {
	for name, between := range map[string]contactstest.Fault{"acknowledged": contactstest.Pass(), "rejected": contactstest.Status(400, "Bad")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, fake := newFakeClient(t, nil, func(o *contacts.Options) { o.MaxRetries = -1 })
				fake.Script(slices.Repeat([]contactstest.Fault{contactstest.Status(503, "Down"), between}, 50)...)
				report, err := c.Sync(t.Context(), source(newTestRows(100)), &contacts.SyncOptions{BatchSize: 1, Workers: 1, MaxSameRejections: -1})
				if name == "acknowledged" {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, contacts.ErrRowsFailed)
				}
				assert.Zero(t, report.Unknown+report.NotAttempted)
			})
		})
	}
}

func TestSync_ContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, fake := newFakeClient(t, nil, nil)
		fake.Script(contactstest.Pass(), contactstest.Slow(time.Hour))
		cause := errors.New("the lights went out")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		told := false
		report, err := c.Sync(ctx, source(newTestRows(100)), &contacts.SyncOptions{
			BatchSize: 10, Workers: 1,
			OnCheckpoint: func(ctx context.Context, _ string) error { return ctx.Err() },
			OnFailure: func(ctx context.Context, _ contacts.Failure) error {
				told = true
				assert.NoError(t, ctx.Err(), "it is to be written down even now")
				return nil
			},
			OnProgress: func(ctx context.Context, _ contacts.Report) { assert.NoError(t, ctx.Err()) },
		})
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, cause)
		assert.True(t, told)
		assert.Equal(t, 10, report.Acknowledged)
		assert.Equal(t, 10, report.Unknown, "they were under way")
		assert.Equal(t, report.Read-20, report.NotAttempted)
		assert.Equal(t, "9", report.Cursor)

		before := len(fake.Requests())
		report, err = c.Sync(ctx, source(newTestRows(100)), nil)
		require.ErrorIs(t, err, cause)
		assertReport(t, contacts.Report{Read: 1, NotAttempted: 1}, report)
		assert.Len(t, fake.Requests(), before)
	})
}

// A limiter that fails ends the run before anything is sent.
func TestSync_LimiterFails(t *testing.T) {
	spent := errors.New("the budget is spent")
	c, fake := newLoopbackClient(t, nil, func(o *contacts.Options) { o.Limiter = failing{spent} })
	report, err := c.Sync(t.Context(), source(newTestRows(10)), nil)
	require.ErrorIs(t, err, spent)
	assertReport(t, contacts.Report{Read: 10, NotAttempted: 10}, report)
	assert.Empty(t, fake.Requests())
}

type failing struct{ err error }

func (f failing) Wait(context.Context) error { return f.err }

// The source fails: what was read before is sent.
func TestSync_SourceFails(t *testing.T) {
	c, fake := newLoopbackClient(t, nil, nil)
	report, err := c.Sync(t.Context(), rowsOf(newTestRows(100), 57, errSource), nil)
	assert.Equal(t, errSource, err)
	assertReport(t, contacts.Report{Read: 57, Acknowledged: 57, Cursor: "56"}, report)
	assert.Len(t, fake.Contacts(), 57)
}

// It fails behind rejected rows: they may have a reason in common that the run
// did not live to see, so a later one is to send them.
func TestSync_SourceFailsAfterRejectedRows(t *testing.T) {
	c, _ := newLoopbackClient(t, &contactstest.Options{Attributes: attributes}, nil)
	rows := newTestRows(20)
	for i := range rows[5:] {
		rows[5+i].Fields.CustomAttributes = contacts.Set(contacts.Values{"old": "x"})
	}
	report, err := c.Sync(t.Context(), rowsOf(rows, 15, errSource), &contacts.SyncOptions{BatchSize: 5, Workers: 1})
	assert.Equal(t, errSource, err)
	assertReport(t, contacts.Report{Read: 15, Acknowledged: 5, Rejected: 10, Failures: report.Failures, Cursor: "4"}, report)
}

func TestSync_FunctionsThatFail(t *testing.T) {
	full := errors.New("the disk is full")
	c, _ := newLoopbackClient(t, nil, nil)
	rows := newTestRows(100)
	rows[42].Fields.ExternalID = contacts.Optional[string]{}
	report, err := c.Sync(t.Context(), source(rows), &contacts.SyncOptions{BatchSize: 10, OnFailure: func(context.Context, contacts.Failure) error { return full }})
	assert.Equal(t, full, err)
	assert.Equal(t, 1, report.Rejected)
	assert.Less(t, len(report.Cursor), 3)
	if report.Cursor != "" {
		last, err := strconv.Atoi(report.Cursor)
		require.NoError(t, err)
		assert.Less(t, last, 42, "nobody took note of it")
	}

	report, err = c.Sync(t.Context(), source(newTestRows(100)), &contacts.SyncOptions{BatchSize: 10, Workers: 1, OnCheckpoint: func(context.Context, string) error { return full }})
	assert.Equal(t, full, err)
	assert.Less(t, report.Acknowledged, 100)
	assert.Equal(t, report.Read, report.Acknowledged+report.NotAttempted)
}

// What ends when there is nothing left to do ends nothing.
func TestSync_ContextEndsAfterTheLastRow(t *testing.T) {
	c, _ := newLoopbackClient(t, nil, nil)
	ctx, cancel := context.WithCancel(t.Context())
	// A batch with room is sent when the source has ended.
	report, err := c.Sync(ctx, source(newTestRows(10)), &contacts.SyncOptions{BatchSize: 20, OnProgress: func(_ context.Context, r contacts.Report) {
		if r.Acknowledged == 10 {
			cancel()
		}
	}})
	require.NoError(t, err)
	assertReport(t, contacts.Report{Read: 10, Acknowledged: 10, Cursor: "9"}, report)

	ctx, cancel = context.WithCancel(t.Context())
	report, err = c.Sync(ctx, func(yield func(contacts.Row, error) bool) {
		_ = yield(newTestRows(1)[0], nil)
		for ctx.Err() == nil { // it ends with the context, and does not say so
			time.Sleep(10 * time.Millisecond)
			cancel()
		}
	}, &contacts.SyncOptions{BatchSize: 1})
	require.ErrorIs(t, err, context.Canceled, "there may be more rows: %v", report)
}

func TestSync_OnCheckpointFailsOnce(t *testing.T) {
	full := errors.New("the disk is full")
	c, _ := newLoopbackClient(t, nil, nil)
	n := 0
	_, err := c.Sync(t.Context(), source(newTestRows(100)), &contacts.SyncOptions{BatchSize: 5, OnCheckpoint: func(context.Context, string) error { n++; return full }})
	assert.Equal(t, full, err)
	assert.Equal(t, 1, n)
}

// The reports of OnProgress are the caller's.
func TestSync_ReportIsTheCallers(t *testing.T) {
	c, _ := newLoopbackClient(t, nil, nil)
	rows := newTestRows(30)
	for i := range rows {
		rows[i].Fields.ExternalID = contacts.Optional[string]{}
	}
	mine := contacts.Failure{Row: contacts.Row{Cursor: "mine"}}
	var kept [][]contacts.Failure
	report, err := c.Sync(t.Context(), source(rows), &contacts.SyncOptions{BatchSize: 1, MaxSameRejections: -1, OnProgress: func(_ context.Context, r contacts.Report) {
		kept = append(kept, append(r.Failures, mine))
	}})
	require.ErrorIs(t, err, contacts.ErrRowsFailed)
	assert.NotContains(t, report.Failures, mine)
	for _, failures := range kept {
		assert.Equal(t, mine, failures[len(failures)-1])
	}
}

// Many messages do not hide the one that all rows have after them.
func TestSync_SameRejectionAfterManyMessages(t *testing.T) {
	c, fake := newLoopbackClient(t, nil, nil)
	fake.Script(upsertsOf(func(w http.ResponseWriter, _ *http.Request, names []string) bool {
		var issues []string
		for i, name := range names {
			if len(name) > 3 {
				name = "all of them"
			}
			issues = append(issues, fmt.Sprintf(`{"field":"users[%d].name","message":"it is about %s"}`, i, name))
		}
		w.WriteHeader(400)
		_, _ = fmt.Fprintf(w, `{"message":"Invalid","issues":[%s]}`, strings.Join(issues, ","))
		return true
	})...)
	report, err := c.Sync(t.Context(), source(newTestRows(3000)), &contacts.SyncOptions{BatchSize: 100, Workers: 1})
	require.ErrorIs(t, err, contacts.ErrSameRejection, "%d", report.Rejected)
	assert.GreaterOrEqual(t, report.Rejected, 1020)
	assert.LessOrEqual(t, report.Rejected, 1100)
}

// A panic of the caller's functions comes out of Sync, and no goroutine stays.
func TestSync_Panics(t *testing.T) {
	for name, change := range map[string]struct {
		client func(*contacts.Options)
		sync   contacts.SyncOptions
		source iter.Seq2[contacts.Row, error]
	}{
		"in the limiter": {func(o *contacts.Options) { o.Limiter = panicking{} }, contacts.SyncOptions{}, source(newTestRows(10))},
		"in OnProgress":  {nil, contacts.SyncOptions{OnProgress: func(context.Context, contacts.Report) { panic("boom") }}, source(newTestRows(100))},
		"in Withdrawn":   {nil, contacts.SyncOptions{Withdrawn: func(context.Context, []string) ([]string, error) { panic("boom") }}, source(newTestRows(100))},
		"in the source":  {nil, contacts.SyncOptions{}, func(yield func(contacts.Row, error) bool) { _ = yield(newTestRows(1)[0], nil); panic("boom") }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				count := &counting{}
				c, fake := newFakeClient(t, nil, func(o *contacts.Options) {
					count.next, o.HTTPClient = o.HTTPClient.Transport, &http.Client{Transport: count}
					if change.client != nil {
						change.client(o)
					}
				})
				fake.Script(upsertsOf(func(_ http.ResponseWriter, r *http.Request, names []string) bool {
					return names[0] != "0" && !fakeSleep(r, 10*time.Second)
				})...)
				change.sync.BatchSize = 1
				begun := time.Now()
				assert.PanicsWithValue(t, "boom", func() { _, _ = c.Sync(t.Context(), change.source, &change.sync) })
				assert.Zero(t, count.underWay.Load())
				assert.Less(t, time.Since(begun), 5*time.Second, "calls are cut off")
			})
		})
	}
}

// fakeSleep is false when the request ended before.
func fakeSleep(r *http.Request, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
		return false
	}
}

// counting counts the calls that are under way.
type counting struct {
	next     http.RoundTripper
	underWay atomic.Int64
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.underWay.Add(1)
	defer c.underWay.Add(-1)
	return c.next.RoundTrip(r)
}

// A run that ends does not wait for what was to be sent after a pause.
func TestSync_EndsDuringAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, fake := newFakeClient(t, nil, nil)
		after := func(wait time.Duration, fault contactstest.Fault) contactstest.Fault { // so that both calls are under way
			return func(normal http.Handler) http.Handler { return contactstest.Slow(wait)(fault(normal)) }
		}
		fake.Script(after(time.Second, contactstest.Status(429, "Slow down").RetryAfter(20*time.Second)),
			after(2*time.Second, contactstest.Status(401, "No")))
		begun := time.Now()
		report, err := c.Sync(t.Context(), source(newTestRows(2)), &contacts.SyncOptions{BatchSize: 1})
		require.ErrorIs(t, err, contacts.ErrUnauthorized)
		assertReport(t, contacts.Report{Read: 2, NotAttempted: 2}, report)
		assert.Less(t, time.Since(begun), 5*time.Second)
	})
}

type panicking struct{}

func (panicking) Wait(context.Context) error { panic("boom") }

func TestSync_BadOptions(t *testing.T) {
	c, _ := newLoopbackClient(t, nil, nil)
	for name, test := range map[string]struct {
		rows    iter.Seq2[contacts.Row, error]
		options contacts.SyncOptions
		want    string
	}{
		"no rows":     {nil, contacts.SyncOptions{}, "contacts: rows: must not be nil"},
		"size":        {source(nil), contacts.SyncOptions{BatchSize: -1}, "contacts: SyncOptions.BatchSize: must be from 1 to 1000, or 0 for the default"},
		"large size":  {source(nil), contacts.SyncOptions{BatchSize: 1001}, "contacts: SyncOptions.BatchSize: must be from 1 to 1000, or 0 for the default"},
		"bytes":       {source(nil), contacts.SyncOptions{BatchBytes: 1 << 30}, "contacts: SyncOptions.BatchBytes: must be from 1 to 16777216, or 0 for the default"},
		"workers":     {source(nil), contacts.SyncOptions{Workers: 65}, "contacts: SyncOptions.Workers: must be from 1 to 64, or 0 for the default"},
		"few workers": {source(nil), contacts.SyncOptions{Workers: -1}, "contacts: SyncOptions.Workers: must be from 1 to 64, or 0 for the default"},
	} {
		_, err := c.Sync(t.Context(), test.rows, &test.options)
		var fe *contacts.FieldError
		require.ErrorAs(t, err, &fe, name)
		assert.Equal(t, test.want, err.Error())
	}
}

// With a limiter that fits, no call meets the window, and no row is lost.
func TestSync_WithinTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rejected atomic.Int64
		c, fake := newFakeClient(t, &contactstest.Options{Window: true}, func(o *contacts.Options) {
			o.Limiter = &sliding{}
			o.OnAttempt = func(_ context.Context, a contacts.Attempt) {
				if a.StatusCode != 200 {
					rejected.Add(1)
				}
			}
		})
		begun := time.Now()
		report, err := c.Sync(t.Context(), source(newTestRows(5000)), &contacts.SyncOptions{BatchSize: 10, Workers: 8})
		require.NoError(t, err)
		assertReport(t, contacts.Report{Read: 5000, Acknowledged: 5000, Cursor: "4999"}, report)
		assert.Zero(t, rejected.Load())
		assert.InDelta(t, 500, upserts(fake), 10)
		assert.Less(t, time.Since(begun), time.Minute)
	})
}

// Without one, some calls are wasted, and no row is.
func TestSync_AgainstTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := newFakeClient(t, &contactstest.Options{Window: true}, nil)
		report, err := c.Sync(t.Context(), source(newTestRows(5000)), &contacts.SyncOptions{BatchSize: 10, Workers: 8})
		require.NoError(t, err)
		assertReport(t, contacts.Report{Read: 5000, Acknowledged: 5000, Cursor: "4999"}, report)
	})
}

// sliding lets 100 through in any 10 seconds and a bit: what was let through may
// arrive a little later.
type sliding struct {
	mu   sync.Mutex
	past []time.Time
}

func (l *sliding) Wait(ctx context.Context) error {
	for wait := l.take(); wait > 0; wait = l.take() {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (l *sliding) take() (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if len(l.past) == 100 {
		if wait = l.past[0].Add(10100 * time.Millisecond).Sub(now); wait > 0 {
			return wait
		}
		l.past = l.past[1:]
	}
	l.past = append(l.past, now)
	return 0
}

// After many failures, no goroutine stays but those of connections that are kept.
func TestSync_LeavesNoGoroutine(t *testing.T) {
	c, fake := newLoopbackClient(t, nil, nil)
	_, err := c.Sync(t.Context(), source(newTestRows(10)), nil)
	require.NoError(t, err)
	before := runtime.NumGoroutine()
	for range 2 {
		fake.Script(contactstest.Drop(), contactstest.FailAfter(), contactstest.Status(401, "No"))
		_, _ = c.Sync(t.Context(), source(newTestRows(100)), &contacts.SyncOptions{BatchSize: 3})
	}
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before+8 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), before+8)
}
