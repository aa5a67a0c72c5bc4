package doctor

import "os/exec"

// tools are programs that only the tests and benchmarks run.
func tools(packages map[string]string) []Check {
	var rows []Check
	for _, name := range []string{"flite", "ffmpeg"} {
		row := Check{Name: name, Kind: "test"}
		if path, err := exec.LookPath(name); err == nil {
			row.Available, row.Version, row.Detail = true, packages[name], path
		} else {
			row.Install = apt(name)
		}
		rows = append(rows, row)
	}
	return rows
}
