package placeholders

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"

	"github.com/chatident/chatident/internal/testenv"
	"github.com/stretchr/testify/require"
)

func TestSecrets_NotPrinted(t *testing.T) {
	key := []byte(sampleKey)
	c := compile(t, sample())
	template := mustParse(t, "Bearer "+sampleKey+"{{a}}", Header)
	preview, err := c.Preview(customer())
	require.NoError(t, err)
	mapping, err := NewMapping(sample().Variables)
	require.NoError(t, err)

	for name, v := range map[string]any{"Template": template, "CompiledAction": c} {
		t.Run(name, func(t *testing.T) { testenv.Redacted(t, key, v) })
	}
	for name, v := range map[string]any{
		"Preview":      preview,
		"Mapping":      mapping,
		"Options":      &Options{MaxOutput: 1},
		"FieldError":   &FieldError{"url", "must not be empty"},
		"SyntaxError":  &SyntaxError{Rule: "must be JSON"},
		"MissingError": &MissingError{Names: []string{"a"}},
		"ValueError":   &ValueError{Name: "a"},
		"ActionError":  &ActionError{[]error{&FieldError{"url", "must not be empty"}}},
	} {
		t.Run(name, func(t *testing.T) { testenv.Keyless(t, key, v) })
	}

	// An action is plain data, which fmt and slog do not print all the same. JSON has
	// all of it.
	a := sample()
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("text", "a", a, "b", &a)
	slog.New(slog.NewTextHandler(&log, nil)).Info("text", "a", a, "b", []Action{a})
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s %q %x", a, &a, a, a, []Action{a}, a), log.String()} {
		require.Contains(t, text, "[redacted]")
		testenv.NoKey(t, key, text)
	}
}

// A key can be anywhere in an action, also where it breaks a rule.
func TestSecrets_NotInErrors(t *testing.T) {
	key := []byte(sampleKey)
	for _, src := range []string{sampleKey + "{{", "{{" + sampleKey, "{{ " + sampleKey + ".x }}", "{{{" + sampleKey, `{"a":"\"` + sampleKey + `{{a}}"}`, "https://" + sampleKey + "@h/", "https://h/" + sampleKey + "#", sampleKey + "\n"} {
		for c := Text; c <= Header; c++ {
			if _, err := Parse(src, c, nil); err != nil {
				testenv.NoKey(t, key, fmt.Sprintf("%v %+v", err, err))
			}
		}
	}
	a := sample()
	a.Method, a.URL, a.Body = sampleKey, sampleKey, sampleKey
	a.Header["X"], a.Variables["a"] = sampleKey+"\n", sampleKey
	_, err := Compile(a, nil)
	require.Error(t, err)
	testenv.NoKey(t, key, fmt.Sprintf("%v %+v", err, err))

	source := customer()
	for _, path := range []string{"userDetail.id", "userDetail.email", "userDetail.orders", "integrations.shop.token"} {
		source[path] = sampleKey + "/\n\xff"
		_, err := compile(t, sample()).Request(t.Context(), source)
		require.Error(t, err)
		testenv.NoKey(t, key, fmt.Sprintf("%v %+v", err, err))
		source[path] = customer()[path]
	}
	_, err = ParseAction([]byte(`{"url":["` + sampleKey + `"],"headers":{"X":{"a":"` + sampleKey + `"}},"method":"` + sampleKey))
	require.Error(t, err)
	testenv.NoKey(t, key, err.Error())
}
