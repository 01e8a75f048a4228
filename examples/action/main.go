// Command action checks a file with an action for Megadesk, and shows the request that the
// action would send for a customer. It sends nothing.
//
//	go run ./examples/action preview examples/action/action.json examples/action/user.json
//
// The first file is the action, as placeholders.ParseAction reads it. The second
// has the content of the customer's identity token: {"userDetail": {...},
// "integrations": {...}}. Values that look like secrets are masked. The folder actions has
// more actions, each with its preview.
//
// The exit code is 0 if the action has no faults and can be rendered for the
// customer, 1 if not, and 2 for wrong arguments.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/chatident/chatident/placeholders"
)

const usage = "usage: action preview ACTION.json USER.json\n"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run returns the exit code.
func run(args []string, out, errs io.Writer) int {
	switch {
	case len(args) == 1 && (args[0] == "-h" || args[0] == "-help" || args[0] == "--help" || args[0] == "help"):
		fmt.Fprint(out, usage)
		return 0
	case len(args) != 3 || args[0] != "preview":
		fmt.Fprint(errs, usage)
		return 2
	}
	text, faults := preview(args[1], args[2])
	for _, fault := range faults {
		fmt.Fprintln(errs, printable(fault))
	}
	if len(faults) > 0 {
		return 1
	}
	fmt.Fprint(out, printable(text))
	return 0
}

// preview returns what the action would send, or all faults of the two files.
func preview(actionFile, userFile string) (text string, faults []string) {
	compiled, err := readAction(actionFile)
	faults = append(faults, explain(actionFile, err)...)
	user, err := readUser(userFile)
	faults = append(faults, explain(userFile, err)...)
	if len(faults) > 0 {
		return "", faults
	}
	p, err := compiled.Preview(user)
	if missing, ok := errors.AsType[*placeholders.MissingError](err); ok {
		for _, name := range missing.Names {
			faults = append(faults, fmt.Sprintf("%s: has no value at %s for {{%s}}", userFile, missing.Paths[name], name))
		}
		for _, name := range missing.Null {
			faults = append(faults, fmt.Sprintf("%s: has null for {{%s}} (for null in JSON, leave out the quotes around it; else set a default)", userFile, name))
		}
		return "", faults
	}
	return p.String(), explain(userFile, err)
}

func readAction(file string) (*placeholders.CompiledAction, error) {
	data, err := read(file)
	if err != nil {
		return nil, err
	}
	action, err := placeholders.ParseAction(data)
	if err != nil {
		return nil, err
	}
	return placeholders.Compile(action, nil)
}

// read reads a file of at most 4 MB.
func read(file string) ([]byte, error) {
	const limit = 4 << 20
	f, err := os.Open(file)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, cause(err)
	}
	if len(data) > limit {
		return nil, fmt.Errorf("must be at most %d bytes", limit)
	}
	return data, nil
}

// cause removes the path, which explain adds.
func cause(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}

// explain returns one line per fault. Each begins with the name of the file.
func explain(file string, err error) (lines []string) {
	if err == nil {
		return nil
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, fault := range several.Unwrap() {
			lines = append(lines, line(file, fault))
		}
		return lines
	}
	return []string{line(file, err)}
}

func line(file string, err error) string {
	return file + ": " + strings.TrimPrefix(err.Error(), "placeholders: ")
}

// printable removes characters that move the cursor or change the direction of the text,
// which a customer may have written.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return -1
		}
		return r
	}, text)
}
