package contacts

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/chatident/chatident/internal/bookbag"
)

// MaxUpsert is the maximum number of contacts in one upsert.
const MaxUpsert = 1000

// UpsertResult is the response to an upsert.
type UpsertResult struct {
	// Contacts are the saved contacts, as far as the response contains them. A
	// contact that was sent and is missing here may or may not be saved.
	Contacts []Contact

	ResponseInfo
}

// Upsert creates contacts, or updates those whose external ids exist. It takes 1 to
// 1,000 inputs. Each external id may occur once, because it is not documented which
// of two inputs would win. Each input without an external id creates a contact with a
// random one.
//
// If the response is lost, the call is retried only if all inputs have an external
// id: the others would be created twice. Do not rely on two things that are not
// documented: whether custom attributes are merged or replaced (send all of them),
// and whether one invalid input rejects all inputs.
//
// An invalid input, or another number of inputs, is a *[FieldError]. Every other
// error is an *[Error], with Issues if the service names the invalid fields.
//
// Source: Bookbag, API v1, "Contacts".
func (c *Client) Upsert(ctx context.Context, inputs []Fields) (*UpsertResult, error) {
	if len(inputs) == 0 || len(inputs) > MaxUpsert {
		return nil, &FieldError{"inputs", fmt.Sprintf("must have 1 to %d items, got %d", MaxUpsert, len(inputs))}
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
			return nil, &FieldError{fmt.Sprintf("inputs[%d].ExternalID", i), fmt.Sprintf("must differ from that of inputs[%d]", first)}
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

// upsertOf returns the call for inputs that are encoded.
func upsertOf(items [][]byte, repeatable bool) bookbag.Call {
	body := slices.Concat([]byte(`{"users":[`), bytes.Join(items, []byte(",")), []byte("]}"))
	return bookbag.Call{Operation: upsertOperation, Body: body, Repeatable: repeatable}
}
