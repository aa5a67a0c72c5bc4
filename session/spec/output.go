package spec

import "fmt"

const (
	// MostOutputs is how many outputs a session may have, and MostOutputLangs how many
	// languages one of them.
	MostOutputs, MostOutputLangs = 8, 16
	mostOutputURL                = 2048
)

// Output is where a session is sent on to. Its URL holds secrets.
type Output struct {
	ID    string   `json:"id"`
	URL   string   `json:"url"`
	Langs []string `json:"langs"`
}

// CheckOutputs refuses more than a session has.
func CheckOutputs(all []Output) error {
	if len(all) > MostOutputs {
		return fmt.Errorf("%d outputs; %d at most", len(all), MostOutputs)
	}
	for _, o := range all {
		if o.ID == "" || len(o.ID) > 64 || len(o.URL) > mostOutputURL || len(o.Langs) == 0 || len(o.Langs) > MostOutputLangs {
			return fmt.Errorf("an output with an ID of %d bytes, a URL of %d and %d languages", len(o.ID), len(o.URL), len(o.Langs))
		}
	}
	return nil
}
