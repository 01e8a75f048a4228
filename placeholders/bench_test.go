package placeholders

import (
	"strings"
	"testing"
)

// 500 bytes with 5 placeholders, and 64 KB with 500.
func benchmarkTemplate(n, size int) (string, Values) {
	names := []string{"userEmail", "userName", "plan", "orderId", "city"}
	values := Values{"userEmail": "ada@example.com", "userName": "Ada \"Countess\" Lovelace", "plan": "professional", "orderId": "order-12345678", "city": "Zürich"}
	filler := strings.Repeat("some text ", size)
	var b strings.Builder
	b.WriteString(`{"note":"`)
	for i := range n {
		gap := (size - n*14) / n
		b.WriteString(filler[:gap] + "{{" + names[i%len(names)] + "}}")
	}
	b.WriteString(`"}`)
	return b.String(), values
}

func BenchmarkAppendJSON500B(b *testing.B) { benchmarkAppend(b, 5, 500) }
func BenchmarkAppendJSON64KB(b *testing.B) { benchmarkAppend(b, 500, 64<<10) }

func benchmarkAppend(b *testing.B, n, size int) {
	src, values := benchmarkTemplate(n, size)
	template := mustParse(b, src, JSON)
	dst := make([]byte, 0, 2*len(src))
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = template.Append(dst[:0], values); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendURL(b *testing.B) {
	template := mustParse(b, "https://api.example.com/customers/{{a}}/orders/{{b}}?email={{c}}", URL)
	values := Values{"a": "user-123", "b": "1001", "c": "ada@example.com"}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = template.Append(dst[:0], values); err != nil {
			b.Fatal(err)
		}
	}
}
