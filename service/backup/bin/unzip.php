<?php
declare(strict_types=1);

// unzip.php ARCHIVE FOLDER: unpacks an archive of zip; refuses as a whole one with names that lead out of the folder, or
// with links, which PHP would make files of.

function refuse(string $text): never
{
    fwrite(STDERR, "$text\n");
    exit(1);
}

[, $path, $folder] = $argv;
$archive = new ZipArchive();
$fault = $archive->open($path, ZipArchive::RDONLY | ZipArchive::CHECKCONS);
if ($fault !== true) {
    refuse("the archive cannot be read: it is cut short or damaged (fault $fault of zip)");
}
$names = [];
for ($number = 0; $number < $archive->numFiles; $number++) {
    $name = $archive->getNameIndex($number, ZipArchive::FL_ENC_RAW);
    if (preg_match('#^/|\\\\|^[A-Za-z]:|(^|/)\.\.(/|$)|\0#', $name)) {
        refuse("there are names in the archive that lead out of the site: $name");
    }
    $archive->getExternalAttributesIndex($number, $system, $attributes);
    if ($system === ZipArchive::OPSYS_UNIX && ($attributes >> 16 & 0170000) === 0120000) {
        refuse("there are links in the archive, which cannot be unpacked from zip: $name. Use tar, or leave them out");
    }
    $names[] = $name;
}
foreach ($names as $number => $name) {
    $target = "$folder/$name";
    if (str_ends_with($name, '/')) {
        is_dir($target) || mkdir($target, 0755, true) || refuse("cannot make the folder $name");
        continue;
    }
    is_dir(dirname($target)) || mkdir(dirname($target), 0755, true) || refuse("cannot make the folder of $name");
    $from = $archive->getStreamIndex($number);
    $to = fopen($target, 'xb');
    if ($from === false || $to === false) {
        refuse("cannot unpack $name: " . $archive->getStatusString());
    }
    $bytes = stream_copy_to_stream($from, $to);
    if ($bytes !== $archive->statIndex($number)['size'] || !fclose($to)) {
        refuse("cannot unpack all of $name: is the disk full, or has the archive a password?");
    }
    fclose($from);
}
