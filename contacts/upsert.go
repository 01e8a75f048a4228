package contacts

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/chatident/chatident/internal/bookbag"
)

// MaxUpsert is how many contacts one upsert may have.
const MaxUpsert = 1000

// UpsertResult is what the service responds to an upsert.
type UpsertResult struct {
	// Contacts are the records, as far as the response has them. One that was
	// sent and is not among them may have been saved, or not.
	Contacts []Contact

	ResponseInfo
}

// Upsert makes contacts, or changes those whose external id there is already:
// 1 to 1,000 of them, each external id once, as it is not documented which of
// two would count. An input without an external id
// makes a contact each time, with a random one.
//
// It is repeated when it may have arrived only if every input has an external
// id, as the others would be made twice. Two things are not documented, so do
// not rely on them: whether custom attributes are merged into those that a
// contact has or replace them (send all of them), and whether an upsert is
// rejected as a whole when one of its inputs is.
//
// A bad input is a *[FieldError], and so is another number of them. Everything
// else that goes wrong is an *[Error], with Issues where the service says what
// it does not like.
//
// Source: Bookbag, API v1, "Contacts".
func (c *Client) Upsert(ctx context.Context, inputs []Fields) (*UpsertResult, error) {
	if len(inputs) == 0 || len(inputs) > MaxUpsert {
		return nil, &FieldError{"inputs", fmt.Sprintf("must have 1 to %d items, has %d", MaxUpsert, len(inputs))}
	}
	items := make([][]byte, len(inputs))
	seen := make(map[string]int, len(inputs))
	repeatable := true
	for i := range inputs {
		item, err := c.encode(fmt.Sprintf("inputs[%d]", i), &inputs[i])
		if err != nil {
			return nil, err
		}
		items[i] = item
		id, ok := inputs[i].ExternalID.Get()
		if first, twice := seen[id]; ok && twice {
			return nil, &FieldError{fmt.Sprintf("inputs[%d].ExternalID", i), fmt.Sprintf("must not be that of inputs[%d]", first)}
		}
		seen[id] = i
		repeatable = repeatable && ok
	}
	var upserted UpsertResult
	info, err := c.do(ctx, upsertOf(items, repeatable), func(body []byte) (err error) {
		upserted.Contacts, err = bookbag.List[Contact](bookbag.Members(body)["data"], len(inputs))
		return err
	})
	if err != nil {
		return nil, err
	}
	upserted.ResponseInfo = info
	return &upserted, nil
}

// upsertOf is the call for inputs that are JSON by now.
func upsertOf(items [][]byte, repeatable bool) bookbag.Call {
	body := slices.Concat([]byte(`{"users":[`), bytes.Join(items, []byte(",")), []byte("]}"))
	return bookbag.Call{Operation: upsertOperation, Body: body, Repeatable: repeatable}
}
