package upload

const childDir = "LIVEDUB_TEST_UPLOAD"

func child(dir string) {}
