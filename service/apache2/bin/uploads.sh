# shellcheck shell=bash
# UPLOAD_DIRS: folders of the site that visitors fill, where nothing is a program.

# For Apache, a block for each. What it says of access comes after the .htaccess of the folders above, and there is none
# within. PHP itself refuses, too (guard.php).
writeUploads() { # FILE
    local folder
    local -a folders
    read -ra folders <<<"${UPLOAD_DIRS:-}"
    for folder in "${folders[@]}"; do
        folder=${folder#/}
        folder=${folder%/}
        if [[ ! $folder =~ ^[[:alnum:]._/-]+$ || /$folder/ == *"/../"* || /$folder/ == *"/./"* ]]; then
            logError "UPLOAD_DIRS has \`$folder\`: folders below the document root are wanted, such as wp-content/uploads"
        fi
        printf '<Directory "%s">\n    AllowOverride None\n    AllowOverrideList None\n    <FilesMatch "%s">\n        Require all denied\n    </FilesMatch>\n</Directory>\n' \
            "$DOCUMENT_ROOT/$folder" '(?i)\.(?:php[0-9s]?|phtml|pht|phar)(?:\.|$)'
    done >"$1.new"
    replaceFile "$1.new" "$1"
}
